// TensorBoard around this page: its reload button, and whether it is dark.

// Calls `reload` when the person or the timer of the host wants new data.
export function onReload(reload) {
  if (window.parent === window) return;
  const {port1, port2} = new MessageChannel();
  port1.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.isReply) return;
    if (message.type === 'experimental.DataReloaded') reload();
    port1.postMessage(JSON.stringify({type: message.type, id: message.id, payload: null, error: null, isReply: true}));
  };
  window.parent.postMessage('experimental.bootstrap', window.location.origin, [port2]);
}

// Keeps the class `dark` of our body as the host's is. Opened by itself, the page follows the system.
export function followTheme() {
  const set = (dark) => document.body.classList.toggle('dark', dark);
  if (window.parent !== window) {
    const host = window.parent.document.body;
    const follow = () => set(host.classList.contains('dark-mode'));
    new MutationObserver(follow).observe(host, {attributes: true, attributeFilter: ['class']});
    follow();
    return;
  }
  const system = matchMedia('(prefers-color-scheme: dark)');
  system.addEventListener('change', () => set(system.matches));
  set(system.matches);
}
