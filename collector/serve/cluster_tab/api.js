// The collector's own API, below whatever prefix or view this page was opened at.

const ROOT = new URL('../../../', document.baseURI);
const NODES_A_PAGE = 1000;
const NODES_MAX = 20_000;

export class ApiError extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export function address(path) {
  return new URL(path, ROOT).href;
}

async function ask(path, query = {}, options = {}) {
  const url = new URL(path, ROOT);
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') url.searchParams.set(key, value);
  }
  let answer;
  let text;
  try {
    answer = await fetch(url, {...options, cache: 'no-store'});
    text = await answer.text();
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, 'the collector does not answer');
  }
  if (!answer.ok) throw new ApiError(answer.status, text.slice(0, 500) || `HTTP ${answer.status}`);
  return text;
}

const json = async (...request) => JSON.parse(await ask(...request));

// All nodes with their sums, without their files. `cut` tells that there are more than a page can hold.
export async function cluster(signal) {
  let all;
  let after;
  do {
    const page = await json('api/v1/cluster', {streams: 0, limit: NODES_A_PAGE, after}, {signal});
    if (all === undefined) all = page;
    else all.nodes.push(...page.nodes);
    after = page.next;
  } while (after !== undefined && all.nodes.length < NODES_MAX);
  all.cut = after !== undefined;
  return all;
}

// One node with a window of its files; null if there is no such node.
export async function node(name, {first, count, find, attention}, signal) {
  const page = await json('api/v1/cluster', {node: name, streams: count, skip: first, find, only: attention ? 'attention' : undefined}, {signal});
  return page.nodes[0] ?? null;
}

// What the page at `/` lists, and what it leaves out.
export function views(signal) {
  return json('api/v1/views', {}, {signal});
}

const NAMESPACES_A_PAGE = 1000;

// The namespaces one component below `below`. `cut` tells that there are more.
export async function namespaces(below, signal) {
  const page = await json('api/v1/namespaces', {below, limit: NAMESPACES_A_PAGE}, {signal});
  return {rows: page.namespaces, cut: page.next !== undefined};
}

const RUNS_A_PAGE = 1000;

// Runs below a namespace, hidden ones too. `cut` tells that there are more.
export async function runs({below, decided}, signal) {
  const page = await json('api/v1/runs', {below, decided: decided ? 'true' : undefined, limit: RUNS_A_PAGE, audit_limit: 0}, {signal});
  return {rows: page.runs, cut: page.next !== undefined};
}

// Decisions about runs, the newest first.
export async function decisions(count, signal) {
  return (await json('api/v1/runs', {limit: 1, audit_limit: count}, {signal})).audit;
}

// Decides about a run: {"run", "changed"}, or an ApiError that says why not.
export function decide(decision) {
  return json('api/v1/runs', {}, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(decision)});
}
