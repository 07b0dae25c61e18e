// Opens a page in headless Chromium over the DevTools pipe, waits until it is drawn, and reports.
//
// usage: node browser.mjs URL SCREENSHOT.png [--wait-text TEXT]... [--charts N] [--seconds N]
//
// Prints one JSON object: {"texts": page text, "charts": charts with coloured pixels, "errors": [...], "requests": n}.
// An error is a console error, an exception, a failed request, an answer >= 400 or a violation of the content policy.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [url, screenshot, ...rest] = process.argv.slice(2);
const waited = rest.flatMap((flag, i) => (flag === '--wait-text' ? [rest[i + 1]] : []));
const seconds = Number(rest[rest.indexOf('--seconds') + 1] || 0) || 60;
// Charts come after the texts: a worker draws them.
const wantedCharts = rest.includes('--charts') ? Number(rest[rest.indexOf('--charts') + 1]) : 0;
const profile = mkdtempSync(join(tmpdir(), 'tributary-browser-'));

const chromium = spawn('chromium', [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--window-size=1800,1400', `--user-data-dir=${profile}`,
  '--remote-debugging-pipe', 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });

let nextId = 1, buffered = '';
const replies = new Map(), errors = [];
let requests = 0;

function send(method, params = {}, sessionId = undefined) {
  const id = nextId++;
  chromium.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + '\0');
  return new Promise((resolve, reject) => replies.set(id, { resolve, reject }));
}

const listeners = {
  'Runtime.exceptionThrown': (e) => errors.push('exception: ' + (e.exceptionDetails.exception?.description ?? e.exceptionDetails.text)),
  'Runtime.consoleAPICalled': (e) => e.type === 'error' && errors.push('console: ' + e.args.map((a) => a.value ?? a.description).join(' ')),
  'Log.entryAdded': (e) => e.entry.level === 'error' && errors.push(`log: ${e.entry.text} ${e.entry.url ?? ''}`),
  'Audits.issueAdded': (e) => e.issue.code === 'ContentSecurityPolicyIssue' && errors.push('policy: ' + JSON.stringify(e.issue.details)),
  'Network.requestWillBeSent': () => { requests++; },
  'Network.loadingFailed': (e) => !e.canceled && errors.push('failed: ' + e.errorText),
  'Network.responseReceived': (e) => e.response.status >= 400 && errors.push(`${e.response.status}: ${e.response.url}`),
};

chromium.stdio[4].setEncoding('utf8').on('data', (data) => {
  const parts = (buffered + data).split('\0');
  buffered = parts.pop();
  for (const part of parts) {
    const message = JSON.parse(part);
    if (message.id) {
      const { resolve, reject } = replies.get(message.id);
      replies.delete(message.id);
      message.error ? reject(new Error(message.error.message)) : resolve(message.result);
    } else {
      listeners[message.method]?.(message.params);
    }
  }
});

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function main() {
  const { targetInfos } = await send('Target.getTargets');
  const { sessionId } = await send('Target.attachToTarget', { targetId: targetInfos.find((t) => t.type === 'page').targetId, flatten: true });
  const page = (method, params) => send(method, params, sessionId);
  for (const domain of ['Page', 'Runtime', 'Network', 'Log', 'Audits']) await page(domain + '.enable');
  await page('Page.navigate', { url });

  const evaluate = async (expression) => (await page('Runtime.evaluate', { expression, returnByValue: true })).result.value;
  // The text of the document through all shadow roots: the stock UI is made of custom elements.
  const texts = () => evaluate(`(() => { const walk = (n) => (n.shadowRoot ? walk(n.shadowRoot) : '') + [...n.childNodes].map((c) =>
    c.nodeType === 3 ? c.data : c.nodeType === 1 && !['SCRIPT', 'STYLE'].includes(c.tagName) ? walk(c) : '').join(' ');
    return walk(document.body); })()`);
  const deadline = Date.now() + seconds * 1000;
  let text = '';
  for (;;) {
    text = (await texts()) ?? '';
    if (waited.every((wanted) => text.includes(wanted))) break;
    if (Date.now() > deadline) { errors.push('waited in vain for: ' + waited.filter((wanted) => !text.includes(wanted)).join(', ')); break; }
    await pause(200);
  }
  const charts = async () => {
    // A chart is drawn if its box has coloured pixels: axes and text are grey.
    const boxes = await evaluate(`[...document.querySelectorAll('line-chart')].map((e) => { const r = e.getBoundingClientRect();
      return { x: r.x, y: r.y, width: r.width, height: r.height }; }).filter((r) => r.width > 20 && r.y < innerHeight - 50)`);
    let drawn = 0;
    for (const box of boxes ?? []) {
      const { data } = await page('Page.captureScreenshot', { format: 'png', clip: { ...box, scale: 1 } });
      const coloured = await evaluate(`(async () => { const image = new Image(); image.src = 'data:image/png;base64,${data}'; await image.decode();
        const canvas = new OffscreenCanvas(image.width, image.height), context = canvas.getContext('2d'); context.drawImage(image, 0, 0);
        const d = context.getImageData(0, 0, image.width, image.height).data; let n = 0;
        for (let i = 0; i < d.length; i += 4) if (Math.max(d[i], d[i+1], d[i+2]) - Math.min(d[i], d[i+1], d[i+2]) > 40) n++; return n; })()`.replace('(async', 'window.__c = (async')) ?? 0;
      const count = (await page('Runtime.evaluate', { expression: 'window.__c', awaitPromise: true, returnByValue: true })).result.value;
      if (count > 30) drawn++;
    }
    return { boxes: (boxes ?? []).length, drawn };
  };
  let seen = await charts();
  while ((seen.drawn < seen.boxes || seen.drawn < wantedCharts) && Date.now() < deadline) { await pause(500); seen = await charts(); }
  const { data } = await page('Page.captureScreenshot', { format: 'png' });
  writeFileSync(screenshot, Buffer.from(data, 'base64'));
  console.log(JSON.stringify({ charts: seen.drawn, boxes: seen.boxes, requests, errors, texts: text.replace(/\s+/g, ' ') }));
}

main().catch((error) => { console.error(error); process.exitCode = 1; }).finally(() => {
  // Closed in order: a killed browser leaves children that still write to the profile.
  send('Browser.close').catch(() => chromium.kill('SIGKILL'));
  chromium.on('exit', () => rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
});
