/**
 * Where bars go: a lane for each agent, in it rows for turns and below them rows for effects. Bars
 * of a row do not overlap, but for those beyond the last row. No DOM.
 */

/** @typedef {import("./bars.js").Bars} Bars */

export const TURN_ROWS_MAX = 6;
export const EFFECT_ROWS_MAX = 6;

/**
 * @typedef {object} Lanes
 * @property {number} agents
 * @property {Uint32Array} order Agents from top to bottom.
 * @property {Uint32Array} sorted Bars, track by track, each by start.
 * @property {Uint32Array} first By track: where its bars begin in `sorted`; one more at the end.
 * @property {Uint32Array} laneFirst By place in `order`: its first track; one more at the end.
 * @property {Uint8Array} turnRows By place in `order`: how many of its tracks hold turns.
 */

/**
 * @param {Bars} bars
 * @param {number} agents
 * @param {(one: number, other: number) => number} compare the order of agents
 * @param {(agent: number) => boolean} [shown]
 * @returns {Lanes}
 */
export function layOut(bars, agents, compare, shown = () => true) {
  const order = Uint32Array.from({ length: agents }, (_, agent) => agent).filter(shown).sort(compare);
  const [turnsOf, effectsOf] = [
    byAgent(bars, 0, bars.turns, agents),
    byAgent(bars, bars.turns, bars.count, agents),
  ];
  const sorted = new Uint32Array(bars.count);
  const first = [0];
  const laneFirst = new Uint32Array(order.length + 1);
  const turnRows = new Uint8Array(order.length);
  order.forEach((agent, place) => {
    laneFirst[place] = first.length - 1;
    turnRows[place] = pack(bars, turnsOf(agent), TURN_ROWS_MAX, sorted, first);
    pack(bars, effectsOf(agent), EFFECT_ROWS_MAX, sorted, first);
  });
  laneFirst[order.length] = first.length - 1;
  return { agents, order, sorted, first: Uint32Array.from(first), laneFirst, turnRows };
}

/**
 * Bars by agent, each agent's by start.
 * @param {Bars} bars
 * @param {number} from
 * @param {number} to
 * @param {number} agents
 * @returns {(agent: number) => Uint32Array}
 */
function byAgent(bars, from, to, agents) {
  const first = new Uint32Array(agents + 2);
  for (let bar = from; bar < to; bar++) if (bars.agent[bar] < agents) first[bars.agent[bar] + 2]++;
  for (let agent = 1; agent <= agents + 1; agent++) first[agent] += first[agent - 1];
  const all = new Uint32Array(first[agents + 1]);
  for (let bar = from; bar < to; bar++) {
    const agent = bars.agent[bar];
    if (agent < agents) all[first[agent + 1]++] = bar;
  }
  return (agent) => {
    const own = all.subarray(first[agent], first[agent + 1]);
    for (let at = 1; at < own.length; at++) {
      if (bars.start[own[at]] < bars.start[own[at - 1]]) {
        return own.sort((one, other) => bars.start[one] - bars.start[other]);
      }
    }
    return own;
  };
}

/**
 * Give each bar the first row that is free when it starts.
 * @param {Bars} bars
 * @param {Uint32Array} own by start
 * @param {number} most rows
 * @param {Uint32Array} sorted gets the bars
 * @param {number[]} first gets where each row ends
 * @returns {number} how many rows
 */
function pack(bars, own, most, sorted, first) {
  /** @type {number[]} */
  const free = [];
  /** @type {number[]} */
  const sizes = [];
  const rowOf = new Uint8Array(own.length);
  for (let at = 0; at < own.length; at++) {
    const start = bars.start[own[at]];
    let row = 0;
    while (row < free.length && free[row] > start) row++;
    if (row === most) row = most - 1;
    if (row === free.length) {
      free.push(0);
      sizes.push(0);
    }
    free[row] = Math.max(free[row], bars.end[own[at]]);
    sizes[row]++;
    rowOf[at] = row;
  }
  const next = sizes.map((_, row) => first[first.length - 1] + sum(sizes, row));
  for (let at = 0; at < own.length; at++) sorted[next[rowOf[at]]++] = own[at];
  for (const end of next) first.push(end);
  return sizes.length;
}

/**
 * @param {number[]} sizes
 * @param {number} until
 */
function sum(sizes, until) {
  let all = 0;
  for (let at = 0; at < until; at++) all += sizes[at];
  return all;
}
