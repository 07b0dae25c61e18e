// A table of any length: only the rows in sight are in the document. It changes in place, so that focus, selection and
// scrolling survive a refresh each second.
import {element, setAttribute, setClass, setText, setTitle} from './dom.js';

const ROW_PX = 36;
const BEYOND = 8;  // rows kept above and below those in sight, for the keyboard

// A cell that is one text. `about` gives {text, class, title} for a row, or only the text.
export function textCell(about) {
  return () => {
    const node = element('span', {class: 'text'});
    return {
      node,
      update(row) {
        const said = about(row);
        const {text, title = text, ...rest} = typeof said === 'object' ? said : {text: said};
        setText(node, text);
        setTitle(node, title);
        setClass(node, `text ${rest.class ?? ''}`.trimEnd());
      },
    };
  };
}

export class Table {
  // columns: [{title, hint, class, sort: row -> number or string, cell: () -> {node, update(row)}}]
  // key: row -> what names the row; empty() -> what is said when there is none.
  // onWindow(first, count): rows are asked for as they come into sight, in the order of whoever gives them, and come by setWindow.
  constructor({label, columns, key, empty, sortedBy = 0, onWindow}) {
    this.columns = columns;
    this.key = key;
    this.empty = empty;
    this.onWindow = onWindow;
    this.sorted = {column: sortedBy, descending: false};
    this.rows = [];
    this.first = 0;   // the index of rows[0]: not 0 in a window
    this.total = 0;
    this.drawn = new Map();  // key -> {tr, cells}
    this.headers = columns.map((column, index) => this.header(column, index));
    this.above = element('tr', {class: 'spacer', 'aria-hidden': 'true'});
    this.below = element('tr', {class: 'spacer', 'aria-hidden': 'true'});
    this.body = element('tbody', {}, this.above, this.below);
    this.table = element('table', {'aria-label': label}, element('thead', {}, element('tr', {'aria-rowindex': '1'}, this.headers)), this.body);
    this.note = element('p', {class: 'empty'});
    this.node = element('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label}, this.table, this.note);
    this.node.addEventListener('scroll', () => this.draw(), {passive: true});
    new ResizeObserver(() => this.draw()).observe(this.node);
    this.markSorted();
  }

  header(column, index) {
    const canSort = column.sort !== undefined && this.onWindow === undefined;
    const title = canSort ? element('button', {type: 'button', title: column.hint, on: {click: () => this.sortBy(index)}}, column.title)
                          : element('span', {title: column.hint}, column.title);
    return element('th', {scope: 'col', class: column.class}, title);
  }

  sortBy(index) {
    this.sorted = {column: index, descending: this.sorted.column === index ? !this.sorted.descending : this.columns[index].class === 'number'};
    this.markSorted();
    this.setRows(this.rows);
  }

  markSorted() {
    this.headers.forEach((header, index) => {
      const sorted = this.onWindow === undefined && index === this.sorted.column;
      setAttribute(header, 'aria-sort', sorted ? (this.sorted.descending ? 'descending' : 'ascending') : undefined);
    });
  }

  // All rows. Equal ones stay in the order they have here.
  setRows(rows) {
    const {sort} = this.columns[this.sorted.column];
    const sign = this.sorted.descending ? -1 : 1;
    const sorted = rows.map((row, index) => ({row, index, by: sort(row)}));
    sorted.sort((a, b) => sign * compare(a.by, b.by) || a.index - b.index);
    this.rows = sorted.map((entry) => entry.row);
    this.first = 0;
    this.total = rows.length;
    this.draw();
  }

  // Rows `first`, `first` + 1, … of `total`.
  setWindow(first, rows, total) {
    this.rows = rows;
    this.first = first;
    this.total = total;
    this.draw();
  }

  // The indices of the rows that should be there: [from, to).
  range() {
    const height = this.node.clientHeight;
    const from = Math.max(0, Math.floor(this.node.scrollTop / ROW_PX) - BEYOND);
    return {from: Math.min(from, Math.max(0, this.total - 1)), to: Math.min(this.total, from + Math.ceil(height / ROW_PX) + 2 * BEYOND)};
  }

  draw() {
    let {from, to} = this.range();
    if (this.onWindow !== undefined && this.total > 0 && (from < this.first || to > this.first + this.rows.length)) this.onWindow(from, to - from);
    from = Math.max(from, this.first);
    to = Math.min(to, this.first + this.rows.length);
    const focused = document.activeElement;
    const kept = new Map();
    let place = this.above.nextSibling;
    for (let index = from; index < to; ++index) {
      const row = this.rows[index - this.first];
      const named = this.key(row);
      const key = kept.has(named) ? `${named}\0${index}` : named;
      const entry = this.drawn.get(key) ?? this.makeRow();
      this.drawn.delete(key);
      kept.set(key, entry);
      for (const cell of entry.cells) cell.update(row);
      setAttribute(entry.tr, 'aria-rowindex', index + 2);
      if (entry.tr === place) place = place.nextSibling;
      else this.body.insertBefore(entry.tr, place);
    }
    for (const {tr} of this.drawn.values()) tr.remove();
    this.drawn = kept;
    // A row that moved takes its focus along.
    if (focused !== document.activeElement && focused.isConnected && this.body.contains(focused)) focused.focus({preventScroll: true});
    this.above.style.height = `${Math.max(0, from) * ROW_PX}px`;
    this.below.style.height = `${Math.max(0, this.total - Math.max(to, from)) * ROW_PX}px`;
    setAttribute(this.table, 'aria-rowcount', this.total + 1);
    setText(this.note, this.total === 0 ? this.empty() : '');
  }

  makeRow() {
    const cells = this.columns.map((column) => column.cell());
    return {cells, tr: element('tr', {}, cells.map((cell, i) => element('td', {class: this.columns[i].class}, cell.node)))};
  }
}

function compare(a, b) {
  if (typeof a === 'string') return COLLATOR.compare(a, b);
  return a < b ? -1 : a > b ? 1 : 0;
}

// node2 before node10.
const COLLATOR = new Intl.Collator(undefined, {numeric: true});
