// All nodes, one line each.
import {element, setAttribute, setClass, setHidden, setText, setTitle} from './dom.js';
import * as format from './format.js';
import {dashboardsCell} from './services.js';
import {Table, textCell} from './table.js';
import {clockIsOff, lagIsLong, pending, troubles} from './trouble.js';

const CHOICES = {
  all: {title: 'All nodes', wants: () => true},
  connected: {title: 'Connected', wants: (node) => node.state === 'connected'},
  away: {title: 'Away', wants: (node) => node.state !== 'connected'},
  attention: {title: 'Need a look', wants: (node) => troubles(node).length > 0},
};

export class NodesPage {
  title = 'Nodes';

  // `open(name)` shows one node.
  constructor(open) {
    this.nodes = [];
    this.now = 0;
    this.filter = element('input', {type: 'search', placeholder: 'Filter nodes', 'aria-label': 'Filter nodes', autocomplete: 'off', on: {input: () => this.show()}});
    this.choice = element('select', {'aria-label': 'Which nodes', on: {change: () => this.show()}},
      Object.entries(CHOICES).map(([key, {title}]) => {
        const option = element('option', {}, title);
        option.value = key;
        return option;
      }));
    this.found = element('span', {class: 'muted'});
    this.table = new Table({label: 'Nodes', key: (node) => node.name, empty: () => this.emptyText(), columns: this.columns(open)});
    this.node = element('section', {'aria-label': 'Nodes'}, element('div', {class: 'tools'}, this.filter, this.choice, this.found), this.table.node);
  }

  columns(open) {
    return [
      {title: 'Node', class: 'wide', sort: (node) => node.name, cell: () => nameCell(open)},
      {title: 'State', class: 'short', sort: (node) => node.state, cell: textCell((node) => ({text: node.state, class: node.state === 'connected' ? 'good' : 'muted'}))},
      {title: 'Last record', class: 'number', sort: (node) => -(node.last_record ?? 0), cell: textCell((node) => this.lastRecord(node))},
      {title: 'Lag', hint: 'How long the oldest byte that is not safe at the collector may have waited', class: 'number', sort: (node) => node.lag_s ?? -1, cell: textCell(lag)},
      {title: 'Files', class: 'number', sort: (node) => node.totals.streams, cell: textCell((node) => format.count(node.totals.streams))},
      {title: 'Durable', hint: 'Bytes that survive a power cut of the collector', class: 'number', sort: (node) => node.totals.durable, cell: textCell((node) => format.bytes(node.totals.durable))},
      {title: 'Pending', hint: 'Bytes that the node has and that are not durable here yet', class: 'number', sort: pending, cell: textCell((node) => none(pending(node), format.bytes))},
      {title: 'Holes', hint: 'Damaged or lost ranges in its files', class: 'number', sort: (node) => node.totals.holes, cell: textCell(holes)},
      {title: 'Clock', hint: 'The node’s clock minus the collector’s', class: 'number', sort: (node) => (node.state === 'connected' ? Math.round(10 * Math.abs(node.clock_offset_s)) : -1), cell: textCell(clock)},
      {title: 'Version', class: 'short', sort: (node) => node.version, cell: textCell((node) => ({text: node.version, class: 'muted'}))},
      {title: 'Dashboards', class: 'wide', cell: dashboardsCell()},
    ];
  }

  lastRecord(node) {
    const text = format.lastRecord(node, this.now);
    if (node.last_record === null) return {text, title: 'No bytes came since the collector started', class: 'muted'};
    return {text, title: format.moment(node.last_record)};
  }

  emptyText() {
    if (this.nodes.length === 0) return 'No node has joined yet. “Add a node” shows the command.';
    return 'No node matches the filter.';
  }

  count(picture) {
    return picture.nodes.length;
  }

  alarming(picture) {
    return picture.nodes.some((node) => troubles(node).length > 0);
  }

  update(picture) {
    this.nodes = picture.nodes;
    this.now = picture.time;
    this.cut = picture.cut;
    this.show();
  }

  show() {
    const text = this.filter.value.toLowerCase();
    const {wants} = CHOICES[this.choice.value];
    const rows = this.nodes.filter((node) => wants(node) && (text === '' || `${node.name} ${node.version}`.toLowerCase().includes(text)));
    setText(this.found, this.cut ? `The first ${format.count(this.nodes.length)} by name; there are more` : rows.length < this.nodes.length ? `${format.count(rows.length)} of ${format.count(this.nodes.length)}` : '');
    this.table.setRows(rows);
  }
}

const none = (number, show) => (number === 0 ? {text: '–', class: 'muted', title: '0'} : show(number));

function lag(node) {
  if (node.lag_s === null) return {text: '–', class: 'muted', title: 'It has sent nothing yet'};
  if (node.lag_s === 0) return {text: '0 s', class: 'muted', title: 'All it has is durable'};
  return {text: format.duration(node.lag_s), class: lagIsLong(node) ? 'warn' : '', title: `${format.bytes(pending(node))} are not durable`};
}

function holes({totals}) {
  if (totals.holes === 0) return {text: '–', class: 'muted', title: 'none'};
  return {text: format.count(totals.holes), class: 'warn', title: `${format.counted(totals.holes, 'hole')}, ${format.bytes(totals.hole_bytes)}`};
}

function clock(node) {
  if (node.state !== 'connected') return {text: '–', class: 'muted', title: 'Unknown while it is away'};
  return {text: format.offset(node.clock_offset_s), class: clockIsOff(node) ? 'warn' : 'muted', title: clockIsOff(node) ? 'Off by more than 5 s: wall times in its charts are wrong' : 'Close enough'};
}

// The name opens the node; a mark says why to.
function nameCell(open) {
  let name;
  const dot = element('span', {class: 'dot', 'aria-hidden': 'true'});
  const button = element('button', {type: 'button', class: 'link', on: {click: () => open(name)}});
  const mark = element('span', {class: 'mark', role: 'img'}, '!');
  return {
    node: element('span', {class: 'name'}, dot, button, mark),
    update(node) {
      name = node.name;
      setClass(dot, node.state === 'connected' ? 'dot on' : 'dot');
      setText(button, name);
      setTitle(button, name);
      const why = troubles(node).join(' ');
      setHidden(mark, why === '');
      setTitle(mark, why);
      setAttribute(mark, 'aria-label', why);
    },
  };
}
