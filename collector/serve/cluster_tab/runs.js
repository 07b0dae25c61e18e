// The names of runs as a tree: each part of it opens as a page of charts of its own.
import * as api from './api.js';
import {element, outwardLink, setHidden, setLink, setText, setTitle} from './dom.js';
import * as format from './format.js';
import {Table, textCell} from './table.js';

export class RunsPage {
  title = 'Runs';

  // `ask()` wants a refresh soon.
  constructor(ask) {
    this.ask = ask;
    this.below = '';
    this.known = null;
    this.now = 0;
    this.path = element('span', {class: 'path'});
    this.filter = element('input', {type: 'search', placeholder: 'Filter names', 'aria-label': 'Filter names', autocomplete: 'off', on: {input: () => this.show()}});
    this.found = element('span', {class: 'muted'});
    this.leftOut = element('p', {class: 'why'});
    this.all = outwardLink();
    setText(this.all, 'Open all runs');
    this.leftOutText = element('span');
    this.leftOut.append(this.leftOutText, ' ', this.all);
    setHidden(this.leftOut, true);
    this.table = new Table({
      label: 'Names of runs', key: (row) => row.name,
      empty: () => (this.known === null ? '' : this.known.rows.length === 0 ? (this.below === '' ? 'There are no runs yet.' : 'No run is below this name: it is one itself.') : 'No name matches the filter.'),
      columns: [
        {title: 'Name', class: 'wide', sort: (row) => row.name, cell: () => this.nameCell()},
        {title: 'Runs', class: 'number', sort: (row) => row.runs, cell: textCell((row) => format.count(row.runs))},
        {title: 'Newest data', class: 'number', sort: (row) => -row.newest_time, cell: textCell((row) => this.newest(row))},
        {title: 'Charts', class: 'short', cell: openCell},
      ],
    });
    this.node = element('section', {'aria-label': 'Runs'}, this.leftOut, element('div', {class: 'tools'}, this.filter, this.path, this.found), this.table.node);
    this.showPath();
  }

  nameCell() {
    let name;
    const button = element('button', {type: 'button', class: 'link', on: {click: () => this.go(name)}});
    return {
      node: element('span', {class: 'name'}, button),
      update(row) {
        ({name} = row);
        setText(button, name.slice(name.lastIndexOf('/') + 1));
        setTitle(button, name);
      },
    };
  }

  newest(row) {
    if (!Number.isFinite(row.newest_time) || row.newest_time <= 0) return {text: '–', class: 'muted'};
    return {text: format.ago(this.now - row.newest_time), title: format.moment(row.newest_time)};
  }

  go(name) {
    this.below = name;
    this.filter.value = '';
    this.known = null;
    this.table.setRows([]);
    this.showPath();
    this.path.lastElementChild?.focus();
    this.ask();
  }

  showPath() {
    const parts = this.below === '' ? [] : this.below.split('/');
    const step = (text, name) => {
      const button = element('button', {type: 'button', class: 'link', on: {click: () => this.go(name)}});
      setText(button, text);
      return button;
    };
    this.path.replaceChildren(step('All names', ''), ...parts.flatMap((part, i) => [' / ', step(part, parts.slice(0, i + 1).join('/'))]));
  }

  async refresh(signal) {
    const {below} = this;
    const [views, known] = await Promise.all([api.views(signal), api.namespaces(below, signal)]);
    this.views = views;
    if (below === this.below) this.known = known;
  }

  update(picture) {
    if (this.known === null) return;
    this.now = picture.time;
    const {left_out: leftOut, runs_total: total, runs_shown: shown, all} = this.views;
    setHidden(this.leftOut, leftOut === 0);
    setText(this.leftOutText, `The first page shows the ${format.counted(shown, 'run')} with the newest data and leaves out ${format.count(leftOut)} of ${format.count(total)}: a browser draws no more at a time (--runs_max).`);
    setLink(this.all, all);
    this.show();
  }

  show() {
    if (this.known === null) return;
    const text = this.filter.value.toLowerCase();
    const {rows, cut} = this.known;
    const wanted = rows.filter((row) => row.name.toLowerCase().includes(text));
    setText(this.found, cut ? `The first ${format.count(rows.length)} by name; there are more` : wanted.length < rows.length ? `${format.count(wanted.length)} of ${format.count(rows.length)}` : '');
    this.table.setRows(wanted);
  }
}

function openCell() {
  const node = outwardLink();
  return {
    node,
    update(row) {
      setText(node, 'Open');
      setTitle(node, `Charts of ${format.counted(row.runs, 'run')} below ${row.name}`);
      setLink(node, row.url);
    },
  };
}
