/** Where two runs differ, agent by agent, as strips of pixels over their aligned rows. No DOM in here. */

import { SAME } from "./alignment.js";

/** @typedef {import("./alignment.js").Aligned} Aligned */
/** @typedef {import("./alignment.js").Side} Side */

/**
 * @typedef {object} Lane
 * @property {string} address
 * @property {number} differing Rows of this agent that differ.
 * @property {number} first The first of them; Infinity for none.
 */

/**
 * The agents of both runs: those that part first come first, then those that are the same.
 * @param {Aligned} aligned
 * @param {Side} one
 * @param {Side} other
 * @returns {{lanes: Lane[], laneOfRow: Uint32Array}}
 */
export function lanesOf(aligned, one, other) {
  const addresses = [...new Set([...one.agents, ...other.agents])];
  const number = new Map(addresses.map((address, place) => [address, place]));
  const mine = one.agents.map((address) => number.get(address) ?? 0);
  const its = other.agents.map((address) => number.get(address) ?? 0);
  const lanes = addresses.map((address) => ({ address, differing: 0, first: Infinity }));
  const { rows, rowKinds } = aligned;
  const of = new Uint32Array(rowKinds.length);
  for (let row = 0; row < of.length; row++) {
    const event = rows[2 * row];
    const lane = event >= 0 ? mine[one.agent[event]] : its[other.agent[rows[2 * row + 1]]];
    of[row] = lane;
    if (rowKinds[row] === SAME) continue;
    lanes[lane].differing++;
    lanes[lane].first = Math.min(lanes[lane].first, row);
  }
  return sorted(lanes, of);
}

/**
 * @param {Lane[]} lanes
 * @param {Uint32Array} of
 */
function sorted(lanes, of) {
  const order = [...lanes.keys()].sort((a, b) => compare(lanes[a].first, lanes[b].first) || a - b);
  const place = new Uint32Array(lanes.length);
  order.forEach((lane, at) => (place[lane] = at));
  return { lanes: order.map((lane) => lanes[lane]), laneOfRow: of.map((lane) => place[lane]) };
}

/**
 * @param {number} one
 * @param {number} other
 */
function compare(one, other) {
  return one === other ? 0 : one < other ? -1 : 1;
}

/**
 * What each pixel of each strip shows: nothing, or the row there that differs most.
 * @param {Aligned} aligned
 * @param {Uint32Array} laneOfRow
 * @param {number} lanes
 * @param {number} width Pixels.
 * @returns {Uint8Array} `[(lane * 2 + side) * width + x]`: 0 for nothing, else 1 + the kind.
 */
export function strips(aligned, laneOfRow, lanes, width) {
  const found = new Uint8Array(lanes * 2 * width);
  const { rows, rowKinds } = aligned;
  const scale = width / Math.max(rowKinds.length, 1);
  for (let row = 0; row < rowKinds.length; row++) {
    if (laneOfRow[row] >= lanes) continue;
    const x = Math.min(width - 1, Math.floor(row * scale));
    for (let side = 0; side < 2; side++) {
      if (rows[2 * row + side] < 0) continue;
      const at = (laneOfRow[row] * 2 + side) * width + x;
      found[at] = Math.max(found[at], rowKinds[row] + 1);
    }
  }
  return found;
}

/**
 * Make up identities where the server tells only until which step agents are the same.
 * @param {{agent: ArrayLike<number>, step: ArrayLike<number>, agents: string[], rows: number}} events
 * @param {Map<string, number>} sameUntil
 * @param {Map<string, number>} numbers Of agents, the same for both runs.
 * @param {0 | 1} side
 * @returns {Side}
 */
export function madeUp(events, sameUntil, numbers, side) {
  const identity = new Float64Array(events.rows);
  for (let row = 0; row < events.rows; row++) {
    const address = events.agents[events.agent[row]] ?? "";
    const step = events.step[row];
    const shared = step < (sameUntil.get(address) ?? 0);
    identity[row] = ((numbers.get(address) ?? 0) * 2 ** 30 + step) * 4 + (shared ? 0 : 1 + side);
  }
  const nothing = new Uint8Array(events.rows);
  return { agent: events.agent, agents: events.agents, identity, content: nothing, doings: nothing };
}
