// What the open page shows, read through shadow roots and through frames of the same origin. Evaluated anew for each question.
() => {
  // By element, what tells that it shows something. "ink": its pixels, which are looked at from outside.
  const KINDS = {
    'line-chart': 'ink', 'tb-histogram': 'ink', 'image-card': 'image', 'vz-line-chart2': 'ink', 'vz-histogram-timeseries': 'ink', 'vz-distribution-chart': 'ink',
    'tf-mesh-loader': 'ink', 'tf-image-loader': 'image', 'tf-audio-loader': 'sound', 'tf-text-loader': 'text', 'tf-graph-scene': 'graph',
    'tf-hparams-table-view': 'rows', 'iframe': 'frame',
  };
  const rootsOf = (element) => [element.shadowRoot, element.localName === 'iframe' && element.contentDocument?.body].filter(Boolean);
  function* within(root) {
    for (const element of root.querySelectorAll('*')) {
      yield element;
      for (const deeper of rootsOf(element)) yield* within(deeper);
    }
  }
  const inside = (element) => [element, ...rootsOf(element)].flatMap((root) => [...within(root)]);
  const inSight = (element) => {
    const {width, height} = element.getBoundingClientRect();
    return width > 5 && height > 5 && element.checkVisibility({visibilityProperty: true});
  };
  // Of what is not hidden.
  const visible = (node) => node.nodeType !== 1 || node.checkVisibility({visibilityProperty: true}) || getComputedStyle(node).display === 'contents';
  const textOf = (node) => [...rootsOf(node).map(textOf), ...[...node.childNodes].map((child) => child.nodeType === 3 ? (visible(node) ? child.data : '') :
      child.nodeType === 1 && !['SCRIPT', 'STYLE'].includes(child.tagName) ? textOf(child) : '')].join(' ');
  const words = (element) => textOf(element).replace(/\s+/g, ' ').trim();
  const SHOWS = {
    ink: () => false,
    image: (element) => inside(element).some((e) => e.localName === 'img' && e.complete && e.naturalWidth > 0),
    sound: (element) => inside(element).some((e) => e.localName === 'audio' && e.duration > 0),
    text: (element) => inside(element).some((e) => e.localName === 'tf-markdown-view' && words(e) !== ''),
    graph: (element) => inside(element).some((e) => e.matches('g.node')),
    rows: (element) => inside(element).some((e) => e.assignedSlot?.closest('tbody') && words(e) !== ''),
    // A page of its own: the projector tells what it has drawn, the others have rows of a table.
    frame: (element) => (element.src.includes('projector') ? /Points: [1-9]/.test(words(element)) : inside(element).some((e) => e.matches('tbody tr') && inSight(e))),
  };
  // Covered by a wheel that turns until its data has come.
  const waits = (element) => [...element.getRootNode().querySelectorAll('paper-spinner-lite[active], mat-spinner')].some(inSight);
  const items = () => [...within(document)].filter((e) => KINDS[e.localName] && e.ownerDocument === document && inSight(e));
  const cards = () => [...within(document)].filter((e) => e.localName === 'card-view' && inSight(e));

  // What texts of writers may become, as TensorBoard renders them.
  const HARMLESS = new Set(['a', 'b', 'blockquote', 'br', 'code', 'div', 'em', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr', 'i', 'img', 'li', 'ol', 'p', 'pre', 'span', 'strong', 'table',
    'tbody', 'td', 'th', 'thead', 'tr', 'ul']);
  const LEADING = ['href', 'xlink:href', 'src', 'srcset', 'action', 'formaction', 'data', 'poster', 'background'];
  const actingOf = (element) => {
    const tells = [...element.attributes].filter(({name, value}) => /^on[a-z]+$/.test(name) || name === 'srcdoc' ||
      // Browsers leave control characters and blanks out of the scheme.
      LEADING.includes(name) && /^(javascript:|vbscript:|data:(?!image\/|font\/))/i.test(value.replace(/[\0- ]/g, '')) && value !== 'javascript:void(0);').map(({name, value}) => `${name}=${value}`);
    if (['script', 'style'].includes(element.localName) && /acted/.test(element.textContent + element.src)) tells.push(element.textContent + element.src);
    const text = element.closest('tf-markdown-view');
    if (text && text !== element && (!HARMLESS.has(element.localName) || element.style.length)) tells.push('in a text');
    return tells.map((told) => `${element.localName}: ${told}`.slice(0, 200));
  };

  return {
    // What of somebody else's acts in the page, or would when it is clicked at.
    acting: () => [...[...within(document)].flatMap(actingOf), ...(window.acted ? ['a script ran'] : [])],
    items, inside, within, words,
    tabs: () => [...document.querySelectorAll('[data-plugin-id]')].filter(inSight).map((label) => {
      const {x, y, width, height} = label.getBoundingClientRect();
      return {id: label.dataset.pluginId, x: x + width / 2, y: y + height / 2};
    }),
    open: () => decodeURIComponent(location.hash.slice(1).split('&')[0]),
    // Folded groups ask for nothing until they are opened. Returns how many were.
    unfold: () => {
      const folded = [...within(document)].filter((e) => inSight(e) && (
        e.matches('button.heading') && e.getRootNode().host?.localName === 'tf-category-paginated-view' && !e.getRootNode().host.opened ||
        e.matches('metrics-card-group-toolbar button') && e.querySelector('mat-icon[svgicon^="expand_more"]')));
      for (const button of folded) button.click();
      return folded.length;
    },
    // The cards of Time Series are filled when they come into view.
    cards: () => cards().length,
    reveal: (number) => cards()[number]?.scrollIntoView({block: 'center'}),
    count: () => items().length,
    // One item, brought into view.
    look: (number) => {
      const element = items()[number], kind = KINDS[element.localName];
      element.scrollIntoView({block: 'center'});
      // The slider of a mesh is coloured too.
      const drawing = element.localName === 'tf-mesh-loader' ? inside(element).find((e) => e.localName === 'canvas') : element;
      const box = drawing?.getBoundingClientRect() ?? new DOMRect(), x = Math.max(0, box.x), y = Math.max(0, box.y);
      return {
        name: element.localName, kind, shows: SHOWS[kind](element), waits: waits(element),
        box: {x, y, width: Math.min(box.right, innerWidth) - x, height: Math.min(box.bottom, innerHeight) - y},
      };
    },
    top: () => items()[0]?.scrollIntoView({block: 'center'}),
    shown: () => words(document.body),
  };
}
