// Who decided what about runs, the newest first.
import * as api from './api.js';
import {element} from './dom.js';
import * as format from './format.js';
import {Table, textCell} from './table.js';

const DECISIONS_MAX = 1000;

export class HistoryPage {
  title = 'History';

  constructor() {
    this.known = null;
    this.table = new Table({
      label: 'History', key: (entry) => String(entry.number),
      empty: () => (this.known === null ? '' : 'Nothing was renamed, hidden or merged yet.'),
      columns: [
        {title: 'When', class: 'medium', sort: (entry) => -entry.number, cell: textCell((entry) => format.moment(entry.at))},
        {title: 'Who', hint: 'Address that asked', class: 'medium', sort: (entry) => entry.who, cell: textCell((entry) => entry.who)},
        {title: 'What', class: 'short', sort: (entry) => entry.action, cell: textCell((entry) => entry.action)},
        {title: 'Run', class: 'wide', sort: (entry) => entry.run, cell: textCell((entry) => entry.run)},
        {title: 'Before', class: 'wide', sort: (entry) => entry.from, cell: textCell((entry) => entry.from)},
        {title: 'After', class: 'wide', sort: (entry) => entry.to, cell: textCell((entry) => entry.to)},
      ],
    });
    this.node = element('section', {'aria-label': 'History'}, this.table.node);
  }

  async refresh(signal) {
    this.known = await api.decisions(DECISIONS_MAX, signal);
  }

  update() {
    if (this.known !== null) this.table.setRows(this.known);
  }
}
