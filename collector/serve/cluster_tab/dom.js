// Builds the page. Whatever a server says goes in as text or as an attribute that cannot act: there is no other way here.

const ATTRIBUTES = new Set(['type', 'role', 'title', 'placeholder', 'tabindex', 'scope', 'target', 'rel', 'for', 'id', 'name', 'autocomplete', 'spellcheck', 'colspan', 'maxlength']);

// element('button', {class: 'link', on: {click}, 'aria-label': text}, 'text', child, ...)
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (key === 'on') for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else if (key === 'class') made.className = value;
    else if (key.startsWith('aria-') || ATTRIBUTES.has(key)) made.setAttribute(key, value);
    else throw new Error(`attribute ${key} is not for use here`);
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== null));
  return made;
}

// Characters that are not seen or turn others round, so that no name can look like another one: as their number.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

function seen(text) {
  return text.replace(UNSEEN, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

// Changes of what is there already cost nothing if nothing is different.
export function setText(node, given) {
  const text = seen(given);
  if (node.textContent !== text) node.textContent = text;
}

export function setClass(node, name) {
  if (node.className !== name) node.className = name;
}

export function setTitle(node, lines) {
  const title = lines.split('\n').map(seen).join('\n');
  if (node.title !== title) node.title = title;
}

export function setHidden(node, hidden) {
  if (node.hidden !== hidden) node.hidden = hidden;
}

export function setAttribute(node, name, value) {
  if (value === undefined) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

// Only addresses of web pages become links; `javascript:` and the like do not.
export function setLink(anchor, address) {
  let url = null;
  try {
    url = new URL(address, document.baseURI);
  } catch {
    // No address, no link.
  }
  setAttribute(anchor, 'href', url !== null && /^https?:$/.test(url.protocol) ? url.href : undefined);
}

// A link that opens beside this page, with no hold on it.
export function outwardLink(className = '') {
  return element('a', {class: className, target: '_blank', rel: 'noopener'});
}
