// Numbers and names that two wanted, who has them, and what was done.
import {element} from './dom.js';
import {Table, textCell} from './table.js';

const KINDS = {port: 'Port', name: 'Node name', run: 'Run name'};

export class ConflictsPage {
  title = 'Conflicts';

  constructor() {
    this.table = new Table({
      label: 'Conflicts',
      key: (row) => JSON.stringify([row.kind, row.wanted, row.holders]),
      empty: () => 'No conflicts: nobody wants a port or a name that another one has.',
      columns: [
        {title: 'Kind', class: 'short', sort: (row) => row.kind, cell: textCell((row) => KINDS[row.kind] ?? row.kind)},
        {title: 'Wanted', class: 'short', sort: (row) => row.wanted, cell: textCell((row) => row.wanted)},
        {title: 'Holders', class: 'wide', sort: (row) => row.holders.join(', '), cell: textCell((row) => ({text: row.holders.join(', '), title: row.holders.join('\n')}))},
        {title: 'What was done', class: 'wide', sort: (row) => row.resolution, cell: textCell((row) => row.resolution)},
      ],
    });
    this.node = element('section', {'aria-label': 'Conflicts'}, this.table.node);
  }

  count(picture) {
    return picture.conflicts.length;
  }

  alarming(picture) {
    return picture.conflicts.length > 0;
  }

  update(picture) {
    this.table.setRows(picture.conflicts);
  }
}
