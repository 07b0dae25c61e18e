// When to ask the collector: each second while somebody looks, never otherwise, more slowly if it is slow or away.

const EVERY_MS = 1000;
const SHARE = 10;  // asking and drawing take at most one part in so many of the time
const RETRY_MS_MAX = 15_000;

// The host keeps the page while another tab is open, in a frame without height.
function isSeen() {
  return document.visibilityState === 'visible' && window.innerWidth > 0 && window.innerHeight > 0;
}

export class Pulse {
  // `beat(signal)` asks and draws; `tell({error, retryMs})` hears of each failure, and of the first success after it.
  constructor(beat, tell) {
    this.beat = beat;
    this.tell = tell;
    this.timer = 0;
    this.failures = 0;
    this.running = null;  // the AbortController of the beat under way
    this.again = false;
    for (const event of ['visibilitychange', 'resize']) {
      (event === 'resize' ? window : document).addEventListener(event, () => this.look());
    }
  }

  // Somebody may have begun or ceased to look.
  look() {
    if (isSeen() && this.timer === 0 && this.running === null) this.now();
  }

  // At once; a beat under way is followed by another one.
  now() {
    clearTimeout(this.timer);
    this.timer = 0;
    if (this.running !== null) {
      this.again = true;
      return;
    }
    if (isSeen()) this.run();
  }

  async run() {
    this.running = new AbortController();
    const timeout = setTimeout(() => this.running.abort(), 30_000);
    const began = performance.now();
    let wait;
    try {
      await this.beat(this.running.signal);
      if (this.failures > 0) this.tell({error: null});
      this.failures = 0;
      wait = Math.max(EVERY_MS, SHARE * (performance.now() - began));
    } catch (error) {
      this.failures += 1;
      const most = Math.min(RETRY_MS_MAX, EVERY_MS * 2 ** (this.failures - 1));
      wait = most / 2 + Math.random() * most / 2;
      this.tell({error, retryMs: wait});
    }
    clearTimeout(timeout);
    this.running = null;
    if (this.again) {
      this.again = false;
      wait = 0;
    }
    // Without a look nothing is due: the next one starts it again.
    if (!isSeen()) return;
    this.timer = setTimeout(() => {
      this.timer = 0;
      this.look();
    }, wait);
  }
}
