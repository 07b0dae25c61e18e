// The page: what is shown, and when it is drawn.
import * as api from './api.js';
import {ConflictsPage} from './conflicts.js';
import {element, setAttribute, setClass, setHidden, setText} from './dom.js';
import * as format from './format.js';
import {HistoryPage} from './history.js';
import {followTheme, onReload} from './host.js';
import {JoinPage} from './join.js';
import {NamesPage} from './names.js';
import {NodePage, showFacts} from './node.js';
import {NodesPage} from './nodes.js';
import {Pulse} from './pulse.js';
import {RunsPage} from './runs.js';
import {ServicesPage} from './services.js';
import {pending} from './trouble.js';

class App {
  constructor() {
    this.nodePage = new NodePage(() => this.show(this.pages[0]), () => this.pulse.now());
    this.pages = [new NodesPage((name) => this.openNode(name)), new RunsPage(() => this.pulse.now()), new NamesPage(() => this.pulse.now()), new ServicesPage(), new ConflictsPage(),
      new HistoryPage(), new JoinPage()];
    this.facts = element('dl', {class: 'facts'});
    this.status = element('span');
    this.told = element('p', {class: 'alarm', role: 'alert'});
    this.tabs = this.pages.map((page) => ({page, count: element('span', {class: 'count'}), mark: element('span', {class: 'mark', role: 'img', 'aria-label': 'needs a look'}, '!')}));
    for (const tab of this.tabs) {
      tab.button = element('button', {type: 'button', on: {click: () => this.show(tab.page)}}, tab.page.title, tab.count, tab.mark);
      setHidden(tab.mark, true);
    }
    this.main = element('main');
    document.body.append(
      element('header', {}, this.facts, this.status),
      element('nav', {'aria-label': 'Cluster'}, this.tabs.map((tab) => tab.button)), this.told, this.main);
    setHidden(this.told, true);
    this.pulse = new Pulse((signal) => this.beat(signal), (news) => this.tell(news));
    this.show(this.pages[0]);
  }

  openNode(name) {
    this.nodePage.open(name);
    this.show(this.nodePage);
    this.nodePage.node.querySelector('button').focus();
  }

  show(page) {
    this.page = page;
    this.main.replaceChildren(page.node);
    const marked = page === this.nodePage ? this.pages[0] : page;
    for (const tab of this.tabs) setAttribute(tab.button, 'aria-current', tab.page === marked ? 'page' : undefined);
    if (this.picture !== undefined) page.update(this.picture);
    this.pulse.now();
  }

  async beat(signal) {
    const {page} = this;
    const [picture] = await Promise.all([api.cluster(signal), page.refresh?.(signal)]);
    this.picture = picture;
    this.draw();
  }

  draw() {
    const {picture} = this;
    showFacts(this.facts, sums(picture));
    setText(this.status, `Live · ${new Date(picture.time * 1000).toLocaleTimeString()}`);
    setClass(this.status, 'status live');
    for (const {page, count, mark} of this.tabs) {
      setText(count, page.count === undefined ? '' : format.count(page.count(picture)));
      setHidden(mark, page.alarming?.(picture) !== true);
    }
    this.page.update(picture);
  }

  tell({error, retryMs}) {
    setHidden(this.told, error === null);
    if (error === null) {
      setText(this.told, '');
      return;
    }
    if (!(error instanceof api.ApiError)) console.error(error);
    setText(this.told, `No news from the collector: ${error.message}. Trying again in ${format.duration(retryMs / 1000)}.`);
    setText(this.status, this.picture === undefined ? 'Not connected' : `As of ${new Date(this.picture.time * 1000).toLocaleTimeString()}`);
    setClass(this.status, 'status');
  }
}

// The cluster in one line.
function sums({nodes, conflicts}) {
  const connected = nodes.filter((node) => node.state === 'connected').length;
  const sum = (value) => nodes.reduce((total, node) => total + value(node), 0);
  const lag = nodes.reduce((most, node) => Math.max(most, node.lag_s ?? 0), 0);
  const holes = sum((node) => node.totals.holes);
  return [
    ['Connected', format.count(connected)],
    ['Away', format.count(nodes.length - connected)],
    ['Files', format.count(sum((node) => node.totals.streams))],
    ['Records', format.count(sum((node) => node.totals.records))],
    ['Durable', format.bytes(sum((node) => node.totals.durable))],
    ['Pending', format.bytes(sum(pending))],
    ['Longest lag', format.duration(lag)],
    ['Holes', format.count(holes), holes > 0],
    ['Conflicts', format.count(conflicts.length), conflicts.length > 0],
  ];
}

followTheme();
const app = new App();
onReload(() => app.pulse.now());
