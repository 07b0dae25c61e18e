// The damaged and lost ranges of one file, in a dialog.
import {element, setText} from './dom.js';
import * as format from './format.js';
import {Table, textCell} from './table.js';

export function showHoles(file) {
  const table = new Table({
    label: 'Holes', key: (hole) => `${hole.offset} ${hole.cause}`, empty: () => '',
    columns: [
      {title: 'Offset', class: 'number', sort: (hole) => hole.offset, cell: textCell((hole) => format.count(hole.offset))},
      {title: 'Length', class: 'number', sort: (hole) => hole.length, cell: textCell((hole) => ({text: format.bytes(hole.length), title: `${format.count(hole.length)} bytes`}))},
      {title: 'Cause', class: 'wide', sort: (hole) => hole.cause, cell: textCell((hole) => format.words(hole.cause))},
    ],
  });
  const name = element('p', {class: 'mono'});
  setText(name, file.file);
  const dialog = element('dialog', {'aria-label': `Holes of ${file.file}`, on: {close: () => dialog.remove()}},
    element('h2', {}, format.counted(file.holes.length, 'hole')),
    name,
    element('p', {class: 'muted'}, 'All other records of the file are served. The bytes are kept as they are, damaged ones too.'),
    table.node,
    element('div', {class: 'actions'}, element('button', {type: 'button', on: {click: () => dialog.close()}}, 'Close')));
  document.body.append(dialog);
  dialog.showModal();
  table.setRows(file.holes);
}
