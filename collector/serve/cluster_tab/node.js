// One node: its agents, its services, and its files, of which only those in sight are asked for.
import * as api from './api.js';
import {element, setAttribute, setClass, setHidden, setText, setTitle} from './dom.js';
import * as format from './format.js';
import {showHoles} from './holes.js';
import {dashboardsCell} from './services.js';
import {Table, textCell} from './table.js';
import {clockIsOff, pending, troubles} from './trouble.js';

const WINDOW = 200;  // files asked for at a time

const STATES = {
  live: 'The file is followed.',
  source_shorter: 'The file is shorter than what is kept, with equal bytes: its node lost the tail. All of it is kept.',
  source_gone: 'The file is no longer there. What was sent is kept.',
  overwritten: 'The file was replaced too often; it is looked at again hourly.',
  failed: 'The file cannot be read there, or its copy cannot be written here.',
};

export class NodePage {
  // `back()` returns to all nodes; `ask()` wants a refresh soon.
  constructor(back, ask) {
    this.ask = ask;
    this.name = '';
    this.window = {first: 0, count: WINDOW};
    this.title = element('h2');
    this.state = element('span');
    this.why = element('p', {class: 'why warn', role: 'status'});
    this.facts = element('dl', {class: 'facts'});
    this.dashboards = dashboardsCell(20)();
    this.agents = element('ul', {class: 'agents'});
    this.filter = element('input', {type: 'search', placeholder: 'Filter files by run or name', 'aria-label': 'Filter files by run or name', autocomplete: 'off', on: {input: () => this.refilter()}});
    this.only = element('input', {type: 'checkbox', on: {change: () => this.refilter()}});
    this.found = element('span', {class: 'muted'});
    this.table = new Table({
      label: 'Files', key: (file) => `${file.logdir}\0${file.file}`, columns: columns(),
      empty: () => (this.filter.value !== '' || this.only.checked ? 'No file matches the filter.' : 'It has no event files yet.'),
      onWindow: (first, count) => this.look(first, count),
    });
    this.node = element('section', {'aria-label': 'Node'},
      element('div', {class: 'heading'}, element('button', {type: 'button', class: 'link', on: {click: back}}, '‹ All nodes'), this.title, this.state, this.dashboards.node),
      this.why, this.facts, this.agents,
      element('div', {class: 'tools'}, this.filter, element('label', {}, this.only, ' Only what needs a look'), this.found),
      this.table.node);
  }

  open(name) {
    this.name = name;
    this.window = {first: 0, count: WINDOW};
    this.filter.value = '';
    this.only.checked = false;
    this.known = null;
    this.table.setWindow(0, [], 0);
    setText(this.title, name);
  }

  refilter() {
    this.window = {first: 0, count: WINDOW};
    this.table.node.scrollTop = 0;
    this.ask();
  }

  // The table wants rows that are not there.
  look(first, count) {
    const wanted = {first: Math.max(0, first - Math.floor((WINDOW - count) / 2)), count: Math.max(WINDOW, count)};
    if (wanted.first === this.window.first && wanted.count === this.window.count) return;
    this.window = wanted;
    this.ask();
  }

  async refresh(signal) {
    const {name, window} = this;
    const node = await api.node(name, {...window, find: this.filter.value, attention: this.only.checked}, signal);
    // The person may have gone on meanwhile.
    if (name === this.name) this.known = {node, window};
  }

  update(picture) {
    if (this.known === null) return;
    const {node, window} = this.known;
    setText(this.state, node === null ? 'unknown to the collector' : node.state);
    setClass(this.state, node?.state === 'connected' ? 'good' : 'muted');
    if (node === null) return;
    this.dashboards.update(node);
    setText(this.why, troubles(node).join(' '));
    setHidden(this.why, this.why.textContent === '');
    showFacts(this.facts, facts(node, picture.time));
    showAgents(this.agents, node.agents);
    const total = node.totals.streams;
    setText(this.found, node.streams_found === total ? format.counted(total, 'file') : `${format.count(node.streams_found)} of ${format.counted(total, 'file')}`);
    this.table.setWindow(window.first, node.streams, node.streams_found);
  }
}

function facts(node, now) {
  const {totals} = node;
  return [
    ['Last record', format.lastRecord(node, now)],
    ['Lag', node.lag_s === null ? '–' : format.duration(node.lag_s)],
    ['Durable', `${format.bytes(totals.durable)} of ${format.bytes(totals.size)}`],
    ['Pending', format.bytes(pending(node))],
    ['Records', format.count(totals.records)],
    ['Holes', totals.holes === 0 ? 'none' : `${format.count(totals.holes)} (${format.bytes(totals.hole_bytes)})`, totals.holes > 0],
    ['Clock', node.state === 'connected' ? format.offset(node.clock_offset_s) : '–', clockIsOff(node)],
    ['Version', node.version],
  ];
}

// The list of [label, value, alarming] as terms and descriptions.
export function showFacts(list, rows) {
  while (list.children.length < rows.length) list.append(element('div', {}, element('dt'), element('dd')));
  rows.forEach(([label, value, alarming], i) => {
    const [term, description] = list.children[i].children;
    setText(term, label);
    setText(description, value);
    setClass(description, alarming ? 'warn' : '');
  });
}

function showAgents(list, agents) {
  while (list.children.length > agents.length) list.lastChild.remove();
  while (list.children.length < agents.length) list.append(element('li'));
  agents.forEach((agent, i) => setText(list.children[i], `Agent ${agent.version}, pid ${agent.pid}, from ${agent.peer}, follows ${agent.logdirs.join(', ') || 'nothing'}`));
}

function columns() {
  return [
    {title: 'Run', class: 'wide', cell: textCell((file) => file.run)},
    {title: 'File', class: 'wide', cell: textCell((file) => ({text: file.logdir === '' ? file.file : `${file.logdir}=${file.file}`, class: 'mono'}))},
    {title: 'Size', hint: 'At its source', class: 'number', cell: textCell((file) => format.bytes(file.size))},
    {title: 'Received', hint: 'Visible in the charts', class: 'number', cell: textCell((file) => ({text: format.bytes(file.received), title: `${format.count(file.received)} bytes`}))},
    {title: 'Durable', hint: 'Survives a power cut of the collector', class: 'number', cell: durableCell},
    {title: 'Records', class: 'number', cell: textCell((file) => (file.kind === 'asset' ? {text: '–', class: 'muted', title: 'A side file has no records'} : format.count(file.records)))},
    {title: 'State', class: 'short', cell: textCell((file) => ({text: format.words(file.state), title: STATES[file.state], class: file.state === 'live' ? 'good' : file.state === 'source_gone' ? 'muted' : 'warn'}))},
    {title: 'Holes', class: 'short', cell: holesCell},
  ];
}

function durableCell() {
  const bar = element('progress', {'aria-hidden': 'true'});
  const text = element('span');
  return {
    node: element('span', {class: 'durable'}, bar, text),
    update(file) {
      const max = Math.max(file.size, file.durable, 1);
      if (bar.max !== max) bar.max = max;
      const value = file.size === 0 ? 1 : file.durable;
      if (bar.value !== value) bar.value = value;
      setText(text, format.percent(file.durable, file.size));
      setTitle(text, `${format.count(file.durable)} of ${format.count(file.size)} bytes`);
    },
  };
}

function holesCell() {
  let shown;
  const button = element('button', {type: 'button', class: 'link warn', on: {click: () => showHoles(shown)}});
  const nothing = element('span', {class: 'muted'}, '–');
  return {
    node: element('span', {}, button, nothing),
    update(file) {
      shown = file;
      setHidden(button, file.holes.length === 0);
      setHidden(nothing, file.holes.length > 0);
      setText(button, format.counted(file.holes.length, 'hole'));
      setAttribute(button, 'aria-haspopup', 'dialog');
    },
  };
}
