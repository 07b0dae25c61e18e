// How a node joins.
import {element, setHidden, setText} from './dom.js';

export class JoinPage {
  title = 'Add a node';

  constructor() {
    this.command = element('code');
    this.copied = element('span', {class: 'muted', role: 'status'});
    this.note = element('p', {class: 'why'});
    this.examples = element('dl', {class: 'examples'});
    this.example = {};
    for (const [key, title] of [['job', 'In a Slurm job script'], ['one', 'Around one command, until all of it is safe'], ['plan', 'What the runs will be called, before anything is sent']]) {
      this.example[key] = element('code');
      this.examples.append(element('dt', {}, title), element('dd', {}, this.example[key]));
    }
    const copy = element('button', {type: 'button', on: {click: () => this.copy()}}, 'Copy');
    this.node = element('section', {'aria-label': this.title, class: 'prose'},
      element('p', {}, 'On each training node, with LOGDIR its directory of event files:'),
      element('div', {class: 'command'}, this.command, copy, this.copied),
      this.note, this.examples);
  }

  async copy() {
    const text = this.command.textContent;
    try {
      await navigator.clipboard.writeText(text);
      setText(this.copied, 'Copied');
    } catch {
      // Off https and localhost there is no clipboard: it is selected, to be copied by hand.
      getSelection().selectAllChildren(this.command);
      setText(this.copied, 'Press Ctrl+C');
    }
    setTimeout(() => setText(this.copied, ''), 3000);
  }

  update({collector}) {
    const {join = '', join_note: note = ''} = collector;
    setText(this.command, join);
    setText(this.note, note);
    setHidden(this.note, note === '');
    const flags = join.replace(/^tributary-agent /, '');
    setText(this.example.job, `srun --overlap --mem=0 -N "$SLURM_NNODES" -n "$SLURM_NNODES" --ntasks-per-node=1 ${join} &`);
    setText(this.example.one, `tributary-agent run ${flags} -- python train.py`);
    setText(this.example.plan, `tributary-agent plan ${flags}`);
  }
}
