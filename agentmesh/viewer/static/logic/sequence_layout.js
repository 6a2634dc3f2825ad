/**
 * A window of a run as a sequence diagram: a lifeline for each agent, and a row for each moment of logical time.
 *
 * Rows follow causes, never clocks: an event stands below what it came from and below what its agent
 * did before. With `compact`, events that know nothing of each other may share a row. Lifelines stand in
 * the order that makes arrows short, the first one first. No DOM in here and of sizes.
 */

/**
 * @typedef {object} SequenceEvent
 * @property {number} number Place in the run order.
 * @property {string} lane Agent.
 * @property {number} cause Number of the event that sent its message, or started its effect or timer; -1 for none.
 * @property {string} source Agent of that event, or who sends from outside; empty for none.
 */

/**
 * @typedef {object} Arrow
 * @property {number} event Index in the window.
 * @property {number} from Lifeline; -1 for one that is not drawn.
 * @property {number} to Lifeline.
 * @property {number} start Row where it was sent; -1 for before the window.
 * @property {number} end Row where it arrived.
 */

/**
 * @typedef {object} OwnEffect
 * @property {number} event Index in the window of its end.
 * @property {number} lane
 * @property {number} start Row where it began; -1 for before the window.
 * @property {number} end
 * @property {number} depth How many others of this lifeline are open beside it.
 */

/**
 * @typedef {object} SequenceLayout
 * @property {string[]} lanes
 * @property {Int32Array} rows Of each event.
 * @property {number} height Number of rows.
 * @property {Arrow[]} arrows
 * @property {OwnEffect[]} effects
 * @property {[number, number][]} spans Of each lifeline, its first and last row.
 */

/**
 * Lay a window out.
 * @param {SequenceEvent[]} events In the run order.
 * @param {{compact?: boolean, pinned?: string[]}} [options] `pinned`: lifelines that come first.
 * @returns {SequenceLayout}
 */
export function layoutSequence(events, options = {}) {
  const index = new Map(events.map((event, place) => [event.number, place]));
  const rows = options.compact ? depths(events, index) : Int32Array.from(events.keys());
  const lanes = orderLanes(events, options.pinned ?? []);
  const laneOf = new Map(lanes.map((lane, place) => [lane, place]));
  /** @type {Arrow[]} */
  const arrows = [];
  /** @type {OwnEffect[]} */
  const effects = [];
  events.forEach((event, place) => {
    if (event.cause < 0 && !event.source) return;
    const cause = index.get(event.cause);
    const start = cause === undefined ? -1 : rows[cause];
    const to = laneOf.get(event.lane) ?? 0;
    if (event.source === event.lane) {
      effects.push({ event: place, lane: to, start, end: rows[place], depth: 0 });
    } else {
      const from = laneOf.get(event.source) ?? -1;
      arrows.push({ event: place, from, to, start, end: rows[place] });
    }
  });
  nest(effects);
  const height = rows.reduce((most, row) => Math.max(most, row + 1), 0);
  return { lanes, rows, height, arrows, effects, spans: spansOf(events, rows, laneOf, lanes.length) };
}

/**
 * @param {SequenceEvent[]} events
 * @param {Map<number, number>} index
 * @returns {Int32Array} Of each event, the length of the longest chain of causes to it.
 */
function depths(events, index) {
  const rows = new Int32Array(events.length);
  /** @type {Map<string, number>} */
  const latest = new Map();
  events.forEach((event, place) => {
    const cause = index.get(event.cause);
    const after = cause === undefined ? -1 : rows[cause];
    rows[place] = Math.max(latest.get(event.lane) ?? -1, after) + 1;
    latest.set(event.lane, rows[place]);
  });
  return rows;
}

/**
 * Order lifelines: by their first event, then neighbours change places as long as arrows get shorter.
 * @param {SequenceEvent[]} events
 * @param {string[]} pinned
 * @returns {string[]}
 */
function orderLanes(events, pinned) {
  const present = new Set(events.map((event) => event.lane));
  const first = pinned.filter((lane) => present.has(lane));
  const lanes = [...new Set([...first, ...present])];
  const traffic = trafficOf(events, new Map(lanes.map((lane, place) => [lane, place])));
  const order = [...lanes.keys()];
  const at = Int32Array.from(order);
  for (let round = 0; round < lanes.length; round++) {
    let better = false;
    for (let place = first.length; place + 1 < order.length; place++) {
      if (gain(traffic, at, order[place], order[place + 1]) > 0) {
        [order[place], order[place + 1]] = [order[place + 1], order[place]];
        at[order[place]] = place;
        at[order[place + 1]] = place + 1;
        better = true;
      }
    }
    if (!better) break;
  }
  return order.map((lane) => lanes[lane]);
}

/**
 * @param {SequenceEvent[]} events
 * @param {Map<string, number>} laneOf
 * @returns {Map<number, number>[]} Of each lifeline, how many arrows join it with each other one.
 */
function trafficOf(events, laneOf) {
  /** @type {Map<number, number>[]} */
  const traffic = Array.from(laneOf, () => new Map());
  for (const event of events) {
    const to = laneOf.get(event.lane) ?? 0;
    const from = laneOf.get(event.source);
    if (from === undefined || from === to) continue;
    traffic[to].set(from, (traffic[to].get(from) ?? 0) + 1);
    traffic[from].set(to, (traffic[from].get(to) ?? 0) + 1);
  }
  return traffic;
}

/**
 * @param {Map<number, number>[]} traffic
 * @param {Int32Array} at
 * @param {number} left
 * @param {number} right
 * @returns {number} By how much arrows get shorter if two neighbours change places.
 */
function gain(traffic, at, left, right) {
  let sum = 0;
  for (const [other, count] of traffic[left]) {
    if (other !== right) sum += at[other] > at[left] ? count : -count;
  }
  for (const [other, count] of traffic[right]) {
    if (other !== left) sum += at[other] < at[right] ? count : -count;
  }
  return sum;
}

/**
 * Give effects that are open at the same time on the same lifeline places beside each other.
 * @param {OwnEffect[]} effects
 */
function nest(effects) {
  const byStart = [...effects].sort((a, b) => a.start - b.start || b.end - a.end);
  /** @type {Map<number, number[]>} */
  const busy = new Map();
  for (const effect of byStart) {
    const ends = busy.get(effect.lane) ?? [];
    let depth = 0;
    while (depth < ends.length && ends[depth] > effect.start) depth++;
    ends[depth] = effect.end;
    busy.set(effect.lane, ends);
    effect.depth = depth;
  }
}

/**
 * @param {SequenceEvent[]} events
 * @param {Int32Array} rows
 * @param {Map<string, number>} laneOf
 * @param {number} count
 * @returns {[number, number][]}
 */
function spansOf(events, rows, laneOf, count) {
  /** @type {[number, number][]} */
  const spans = Array.from({ length: count }, () => [Infinity, -1]);
  events.forEach((event, place) => {
    const span = spans[laneOf.get(event.lane) ?? 0];
    span[0] = Math.min(span[0], rows[place]);
    span[1] = Math.max(span[1], rows[place]);
  });
  return spans;
}
