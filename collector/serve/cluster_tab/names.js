// Runs by name, with what people decide about them: another name, hidden, all writers as one.
import * as api from './api.js';
import {element, setClass, setHidden, setText} from './dom.js';
import * as format from './format.js';
import {Table, textCell} from './table.js';

export class NamesPage {
  title = 'Names';

  // `ask()` wants a refresh soon.
  constructor(ask) {
    this.ask = ask;
    this.known = null;
    this.now = 0;
    this.below = element('input', {type: 'search', placeholder: 'Namespace, as job/node0', 'aria-label': 'Namespace', autocomplete: 'off', on: {change: () => this.again()}});
    this.filter = element('input', {type: 'search', placeholder: 'Filter names', 'aria-label': 'Filter names', autocomplete: 'off', on: {input: () => this.show()}});
    this.decided = element('input', {type: 'checkbox', on: {change: () => this.again()}});
    this.found = element('span', {class: 'muted'});
    this.said = element('span', {role: 'status'});
    this.table = new Table({
      label: 'Runs', key: (run) => run.run,
      empty: () => (this.known === null ? '' : 'No run matches.'),
      columns: [
        {title: 'Run', class: 'wide', sort: (run) => run.run, cell: textCell((run) => ({text: run.run, class: run.hidden ? 'muted' : ''}))},
        {title: 'Came as', hint: 'The names that its files came with', class: 'wide', sort: (run) => cameAs(run), cell: textCell((run) => ({text: cameAs(run), title: run.stored_as.join('\n'), class: 'muted'}))},
        {title: 'Shown', class: 'short', sort: (run) => Number(run.hidden), cell: textCell(shown)},
        {title: 'Files', class: 'number', sort: (run) => run.files, cell: textCell((run) => format.count(run.files))},
        {title: 'Newest data', class: 'number', sort: (run) => -run.newest_time, cell: textCell((run) => this.newest(run))},
        {title: 'Change', class: 'actions-cell', cell: () => this.actionsCell()},
      ],
    });
    this.node = element('section', {'aria-label': 'Names'},
      element('div', {class: 'tools'}, this.below, this.filter, element('label', {}, this.decided, ' Only what was changed'), this.found, this.said), this.table.node);
  }

  again() {
    this.known = null;
    this.ask();
  }

  newest(run) {
    if (!Number.isFinite(run.newest_time) || run.newest_time <= 0) return {text: '–', class: 'muted'};
    return {text: format.ago(this.now - run.newest_time), title: format.moment(run.newest_time)};
  }

  actionsCell() {
    let run;
    const button = (act) => element('button', {type: 'button', class: 'link', on: {click: () => act()}});
    const rename = button(() => this.rename(run));
    const hide = button(() => this.decide({run: run.run, action: run.hidden ? 'show' : 'hide'}));
    const merge = button(() => this.decide({run: run.run, action: run.merged ? 'split' : 'merge'}));
    setText(rename, 'Rename…');
    const label = (node, text) => {
      setText(node, text);
      node.setAttribute('aria-label', `${text} ${run.run}`);
    };
    return {
      node: element('span', {class: 'services'}, rename, hide, merge),
      update(given) {
        run = given;
        label(rename, 'Rename…');
        label(hide, run.hidden ? 'Show' : 'Hide');
        label(merge, run.merged ? 'Split writers' : 'Merge writers');
      },
    };
  }

  async decide(decision) {
    try {
      const {run, changed} = await api.decide(decision);
      this.say(changed ? `${decision.run}: ${DONE[decision.action]}${decision.action === 'rename' ? ` ${run}` : ''}` : `${run} was so already`, true);
      this.ask();
      return '';
    } catch (error) {
      this.say(error.message, false);
      return error.message;
    }
  }

  say(text, good) {
    setText(this.said, text);
    setClass(this.said, good ? 'good' : 'warn');
  }

  rename({run}) {
    const name = element('input', {type: 'text', class: 'long', 'aria-label': 'New name', autocomplete: 'off', spellcheck: 'false', maxlength: '4096'});
    name.value = run;
    const why = element('p', {class: 'warn', role: 'alert'});
    setHidden(why, true);
    const dialog = element('dialog', {'aria-label': 'Rename', on: {close: () => dialog.remove()}});
    const save = async () => {
      const refused = await this.decide({run, action: 'rename', to: name.value});
      if (refused === '') dialog.close();
      setText(why, refused);
      setHidden(why, refused === '');
    };
    name.addEventListener('keydown', (event) => event.key === 'Enter' && save());
    dialog.append(
      element('h2', {}, 'Rename'), name,
      element('p', {class: 'muted'}, 'No file is moved. The former name goes on answering, and files that come with it follow. If there is a run of the new name, both become one.'), why,
      element('div', {class: 'actions'}, element('button', {type: 'button', on: {click: () => dialog.close()}}, 'Cancel'), element('button', {type: 'button', on: {click: save}}, 'Rename')));
    document.body.append(dialog);
    dialog.showModal();
    name.select();
  }

  async refresh(signal) {
    const asked = {below: this.below.value.trim(), decided: this.decided.checked};
    const known = await api.runs(asked, signal);
    if (asked.below === this.below.value.trim() && asked.decided === this.decided.checked) this.known = known;
  }

  update(picture) {
    this.now = picture.time;
    this.show();
  }

  show() {
    if (this.known === null) return;
    const {rows, cut} = this.known;
    const text = this.filter.value.toLowerCase();
    const wanted = rows.filter((run) => `${run.run} ${run.stored_as.join(' ')}`.toLowerCase().includes(text));
    setText(this.found, cut ? `The first ${format.count(rows.length)} by name; give a namespace for others` : format.counted(wanted.length, 'run'));
    this.table.setRows(wanted);
  }
}

const DONE = {rename: 'is now', hide: 'is hidden', show: 'is shown', merge: 'its writers are one run', split: 'each writer is a run'};

function cameAs(run) {
  return run.stored_as.filter((name) => name !== run.run).join(', ');
}

function shown(run) {
  if (run.hidden) return {text: 'hidden', class: 'muted', title: 'Left out of listings; a request by its name is answered'};
  if (run.shown === 0) return {text: 'no data yet', class: 'muted'};
  return {text: run.merged ? 'merged' : 'yes', class: 'good', title: run.shown === 1 ? '' : `As ${format.counted(run.shown, 'run')}: one for each writer`};
}
