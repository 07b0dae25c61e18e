// What a person should look at, and the words for it.
import * as format from './format.js';

const CLOCK_S_MAX = 5;
const LAG_S_MAX = 20;

export const clockIsOff = (node) => node.state === 'connected' && Math.abs(node.clock_offset_s) > CLOCK_S_MAX;
export const lagIsLong = (node) => node.lag_s !== null && node.lag_s > LAG_S_MAX;
// Bytes that the node is known to have and that would be lost with its disk.
export const pending = (node) => Math.max(0, node.totals.size - node.totals.durable);

// One sentence each; empty for a node that is well.
export function troubles(node) {
  const found = [];
  const {attention, holes} = node.totals;
  if (attention > 0) found.push(`${format.counted(attention, 'file needs', 'files need')} a look${holes > 0 ? ` (${format.counted(holes, 'hole')})` : ''}.`);
  if (clockIsOff(node)) found.push(`Its clock is off by ${format.offset(node.clock_offset_s)}.`);
  if (lagIsLong(node)) found.push(`${format.bytes(pending(node))} have waited for ${format.duration(node.lag_s)}.`);
  return found;
}
