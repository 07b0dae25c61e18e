// Numbers as people read them.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

// As `tributary-agent status` says it: "9.8 MiB", "12 GiB".
export function bytes(count) {
  let unit = 0;
  while (count >= 1024 && unit + 1 < UNITS.length) {
    count /= 1024;
    unit += 1;
  }
  return `${unit === 0 || count >= 9.95 ? Math.round(count) : count.toFixed(1)} ${UNITS[unit]}`;
}

// 12345 -> "12 345", with thin spaces.
export function count(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, '\u2009');
}

export function counted(number, one, many = one + 's') {
  return `${count(number)} ${number === 1 ? one : many}`;
}

// "0.4 s", "12 s", "5 min", "3 h", "12 d".
export function duration(seconds) {
  if (seconds < 0.05) return '0 s';
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

// "+0.2 s", "−12 s".
export function offset(seconds) {
  if (Math.abs(seconds) < 0.05) return '0 s';
  return (seconds < 0 ? '\u2212' : '+') + duration(Math.abs(seconds));
}

export function ago(seconds) {
  return seconds < 1 ? 'now' : `${seconds < 9.95 ? Math.floor(seconds) + ' s' : duration(seconds)} ago`;
}

// The collector knows of what came since it started; what it has without came before.
export function lastRecord(node, now) {
  if (node.last_record !== null) return ago(now - node.last_record);
  return node.totals.durable > 0 ? 'before restart' : 'never';
}

// A moment in the viewer's time zone.
export function moment(unixSeconds) {
  return new Date(unixSeconds * 1000).toLocaleString(undefined, {dateStyle: 'medium', timeStyle: 'medium'});
}

// The part that is done; 100 only if all is.
export function percent(part, whole) {
  if (whole <= part) return '100 %';
  const value = 100 * part / whole;
  return `${value >= 99 ? (Math.floor(value * 100) / 100).toFixed(2) : Math.floor(value)} %`;
}

export function words(name) {
  return name.replaceAll('_', ' ');
}
