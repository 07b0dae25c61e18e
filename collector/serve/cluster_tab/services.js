// What the nodes serve, and where it opens.
import {element, outwardLink, setAttribute, setClass, setHidden, setLink, setText, setTitle} from './dom.js';
import {Table, textCell} from './table.js';

const MODES = {
  keep: 'The service knows its own prefix.',
  strip: 'The prefix is taken off before the service sees a request.',
  host: 'The service has an origin of its own.',
};

// A link if somebody answers there, else the name alone.
export function serviceLink() {
  const node = outwardLink('service');
  return {
    node,
    update(service) {
      const opens = service.state === 'live' && service.url;
      setText(node, service.service);
      setClass(node, opens ? 'service' : 'service stale');
      setTitle(node, opens ? `Port ${service.port}` : `Port ${service.port}, ${service.state}`);
      if (opens) setLink(node, service.url);
      else setAttribute(node, 'href', undefined);
    },
  };
}

// Links to the dashboards of one node: the first ones, and how many more there are.
export function dashboardsCell(shown = 3) {
  return () => {
    const more = element('span', {class: 'muted'});
    const node = element('span', {class: 'services'}, more);
    const links = [];
    return {
      node,
      update({services}) {
        while (links.length < Math.min(shown, services.length)) {
          const link = serviceLink();
          node.insertBefore(link.node, more);
          links.push(link);
        }
        links.forEach((link, i) => {
          setHidden(link.node, i >= services.length);
          if (i < services.length) link.update(services[i]);
        });
        setText(more, services.length > shown ? `+${services.length - shown}` : '');
      },
    };
  };
}

export class ServicesPage {
  title = 'Services';

  constructor() {
    this.rows = [];
    this.filter = element('input', {type: 'search', placeholder: 'Filter services', 'aria-label': 'Filter services', autocomplete: 'off', on: {input: () => this.show()}});
    this.table = new Table({
      label: 'Services',
      key: ({node, service}) => `${node}\0${service}`,
      empty: () => (this.rows.length === 0 ? 'No service is registered. Start one on a node with: tributary-agent exec --collector … --service NAME -- COMMAND' : 'No service matches the filter.'),
      columns: [
        {title: 'Service', class: 'wide', sort: (row) => row.service, cell: serviceLink},
        {title: 'Node', class: 'wide', sort: (row) => row.node, cell: textCell((row) => row.node)},
        {title: 'Port', class: 'number', sort: (row) => row.port, cell: textCell((row) => String(row.port))},
        {title: 'State', class: 'short', sort: (row) => row.state, cell: textCell((row) => ({text: row.state, class: row.state === 'live' ? 'good' : 'muted'}))},
        {title: 'Opens as', class: 'short', sort: (row) => row.mode, cell: textCell((row) => ({text: row.mode, title: MODES[row.mode]}))},
        {title: 'Command', class: 'wide', sort: (row) => row.command ?? '', cell: textCell((row) => ({text: row.command ?? '', class: 'mono'}))},
      ],
    });
    this.node = element('section', {'aria-label': 'Services'}, element('div', {class: 'tools'}, this.filter), this.table.node);
  }

  count(picture) {
    return picture.nodes.reduce((sum, node) => sum + node.services.length, 0);
  }

  update(picture) {
    this.rows = picture.nodes.flatMap((node) => node.services.map((service) => ({...service, node: node.name})));
    this.show();
  }

  show() {
    const text = this.filter.value.toLowerCase();
    this.table.setRows(this.rows.filter((row) => `${row.service} ${row.node} ${row.port} ${row.command ?? ''}`.toLowerCase().includes(text)));
  }
}
