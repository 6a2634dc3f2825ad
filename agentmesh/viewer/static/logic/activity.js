/** How much goes on at each time, by kind: what the minimap shows. No DOM. */

import { isBad, KINDS } from "./bars.js";

const TIMER = KINDS.indexOf("timer");

/**
 * @param {import("./bars.js").Bars} bars
 * @param {number} total length of the axis
 * @param {number} columns
 */
export function activity(bars, total, columns) {
  const busy = new Float64Array(KINDS.length * columns);
  const failed = new Uint8Array(columns);
  const slope = new Float64Array(KINDS.length * (columns + 1));
  const scale = columns / total;
  for (let bar = 0; bar < bars.count; bar++) {
    const from = Math.max(0, Math.min(columns - 1e-9, bars.start[bar] * scale));
    const to = Math.max(from, Math.min(columns - 1e-9, bars.end[bar] * scale));
    const kind = bars.kind[bar];
    if (isBad(kind)) failed[Math.floor(to)] = 1;
    // Turns wait for their effects most of the time, and sleeps are nothing: effects say what goes on.
    if (bar < bars.turns || kind === TIMER || !(to >= from)) continue;
    spread(busy, slope, kind * columns, kind * (columns + 1), from, Math.max(to, from + 0.02));
  }
  for (let kind = 0; kind < KINDS.length; kind++) {
    let whole = 0;
    for (let column = 0; column < columns; column++) {
      whole += slope[kind * (columns + 1) + column];
      busy[kind * columns + column] += whole;
    }
  }
  return { columns, busy, failed, highest: highest(busy, columns) };
}

/**
 * Add a bar: parts of its first and last column, and whole ones between.
 * @param {Float64Array} busy
 * @param {Float64Array} slope
 * @param {number} at
 * @param {number} slopeAt
 * @param {number} from
 * @param {number} to
 */
function spread(busy, slope, at, slopeAt, from, to) {
  const [first, last] = [Math.floor(from), Math.floor(to)];
  if (first === last) {
    busy[at + first] += to - from;
    return;
  }
  busy[at + first] += first + 1 - from;
  busy[at + last] += to - last;
  slope[slopeAt + first + 1] += 1;
  slope[slopeAt + last] -= 1;
}

/**
 * @param {Float64Array} busy
 * @param {number} columns
 */
function highest(busy, columns) {
  let most = 0;
  for (let column = 0; column < columns; column++) {
    let sum = 0;
    for (let kind = 0; kind < KINDS.length; kind++) sum += busy[kind * columns + column];
    if (sum > most) most = sum;
  }
  return most;
}
