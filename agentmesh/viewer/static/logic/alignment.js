/**
 * Two runs side by side, event by event: which events are in both, where they part, and in what order to show them.
 *
 * Events are the same if the same causes made them: the identities come with the runs. An event that
 * both have may still differ in its content, in what handling it did, or in its place among its agent's
 * events. No DOM in here; a million events a side are aligned in about a second.
 */

/**
 * @typedef {object} Side One run; one entry for each event, in the run order.
 * @property {ArrayLike<number>} agent Index of the event's agent in `agents`.
 * @property {string[]} agents Addresses.
 * @property {ArrayLike<number | bigint>} identity Made of causes.
 * @property {ArrayLike<number | bigint>} content Digest of what came.
 * @property {ArrayLike<number | bigint>} doings Digest of what handling it issued.
 */

export const SAME = 0;
/** In both, at another place among its agent's events. */
export const MOVED = 1;
/** In both, with the same content, and handling it did something else. */
export const DOINGS = 2;
/** In both, with another content. */
export const CONTENT = 3;
/** In this run only. */
export const ONLY = 4;

/** What each kind of row is called. */
export const KIND_NAMES = ["same", "order", "commands", "content", "event"];

/**
 * @typedef {object} Aligned
 * @property {Int32Array} partner Of each event of the first run, its partner in the other; -1 for none.
 * @property {Uint8Array} kinds Of each event of the first run.
 * @property {Uint8Array} otherKinds Of each event of the other run.
 * @property {Int32Array} rows Pairs of events to show in a row, -1 where a run has none.
 * @property {Uint8Array} rowKinds Of each row.
 * @property {number} first The first row that differs; -1 if none does.
 * @property {number[]} counts Rows by their kind.
 */

/**
 * Align two runs.
 * @param {Side} one
 * @param {Side} other
 * @returns {Aligned}
 */
export function alignRuns(one, other) {
  const partner = partners(one, other);
  const kinds = new Uint8Array(one.agent.length).fill(ONLY);
  const otherKinds = new Uint8Array(other.agent.length).fill(ONLY);
  const moved = movedEvents(one, partner);
  for (let event = 0; event < partner.length; event++) {
    const its = partner[event];
    if (its < 0) continue;
    let kind = SAME;
    if (one.content[event] !== other.content[its]) kind = CONTENT;
    else if (one.doings[event] !== other.doings[its]) kind = DOINGS;
    else if (moved[event]) kind = MOVED;
    kinds[event] = kind;
    otherKinds[its] = kind;
  }
  return { partner, kinds, otherKinds, ...merged(partner, kinds, otherKinds) };
}

/**
 * @param {Side} one
 * @param {Side} other
 * @returns {Int32Array}
 */
function partners(one, other) {
  const agentOf = new Map(other.agents.map((address, index) => [address, index]));
  const sameAgent = Int32Array.from(one.agents, (address) => agentOf.get(address) ?? -1);
  const partner = new Int32Array(one.agent.length).fill(-1);
  // An identity is one among those of its agent: every agent begins alike.
  const known = other.agents.map(() => /** @type {Map<number | bigint, number>} */ (new Map()));
  // A branch begins as its parent: what stands at the same place is looked at first.
  const shared = sharedBeginning(one, other, sameAgent);
  for (let event = 0; event < shared; event++) partner[event] = event;
  for (let event = shared; event < other.agent.length; event++) {
    known[other.agent[event]].set(other.identity[event], event);
  }
  for (let event = shared; event < one.agent.length; event++) {
    const its = known[sameAgent[one.agent[event]]];
    const found = its?.get(one.identity[event]);
    if (its && found !== undefined) {
      partner[event] = found;
      its.delete(one.identity[event]);
    }
  }
  return partner;
}

/**
 * @param {Side} one
 * @param {Side} other
 * @param {Int32Array} sameAgent
 * @returns {number} How many events both runs begin with, in the same order.
 */
function sharedBeginning(one, other, sameAgent) {
  const most = Math.min(one.agent.length, other.agent.length);
  let event = 0;
  while (
    event < most &&
    one.identity[event] === other.identity[event] &&
    sameAgent[one.agent[event]] === other.agent[event]
  ) {
    event++;
  }
  return event;
}

/**
 * Mark events that their agent had at another place: all but the longest row that kept its order.
 * @param {Side} one
 * @param {Int32Array} partner
 * @returns {Uint8Array}
 */
function movedEvents(one, partner) {
  const moved = new Uint8Array(partner.length);
  /** @type {number[][]} */
  const byAgent = one.agents.map(() => []);
  for (let event = 0; event < partner.length; event++) {
    if (partner[event] >= 0) byAgent[one.agent[event]].push(event);
  }
  for (const events of byAgent) {
    if (isRising(events, partner)) continue;
    const kept = new Set(longestRising(events, partner));
    for (const event of events) if (!kept.has(event)) moved[event] = 1;
  }
  return moved;
}

/**
 * @param {number[]} events
 * @param {Int32Array} partner
 */
function isRising(events, partner) {
  return events.every((event, place) => place === 0 || partner[events[place - 1]] < partner[event]);
}

/**
 * @param {number[]} events
 * @param {Int32Array} partner
 * @returns {number[]} The longest subsequence whose partners come in the same order.
 */
function longestRising(events, partner) {
  /** @type {number[]} */
  const ends = [];  // of rows of each length, the event whose partner is the earliest
  const before = new Map();
  for (const event of events) {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const half = (low + high) >> 1;
      if (partner[ends[half]] < partner[event]) low = half + 1;
      else high = half;
    }
    before.set(event, low ? ends[low - 1] : -1);
    ends[low] = event;
  }
  const found = [];
  for (let event = ends.length ? ends[ends.length - 1] : -1; event >= 0; event = before.get(event)) {
    found.push(event);
  }
  return found.reverse();
}

/**
 * Bring both runs into one list of rows: the first run's order, with the other's own events where they stand.
 * @param {Int32Array} partner
 * @param {Uint8Array} kinds
 * @param {Uint8Array} otherKinds
 */
function merged(partner, kinds, otherKinds) {
  const own = otherKinds.reduce((count, kind) => count + (kind === ONLY ? 1 : 0), 0);
  const rows = new Int32Array(2 * (partner.length + own));
  const rowKinds = new Uint8Array(partner.length + own);
  const counts = KIND_NAMES.map(() => 0);
  let first = -1;
  let row = 0;
  let next = 0;
  /** @type {(event: number, its: number, kind: number) => void} */
  const put = (event, its, kind) => {
    rows[2 * row] = event;
    rows[2 * row + 1] = its;
    rowKinds[row] = kind;
    counts[kind]++;
    if (kind !== SAME && first < 0) first = row;
    row++;
  };
  for (let event = 0; event < partner.length; event++) {
    for (; next <= partner[event]; next++) if (otherKinds[next] === ONLY) put(-1, next, ONLY);
    put(event, partner[event], kinds[event]);
  }
  for (; next < otherKinds.length; next++) if (otherKinds[next] === ONLY) put(-1, next, ONLY);
  return { rows, rowKinds, first, counts };
}

/** @typedef {{kind: number, first: number, count: number}} Block Rows that stand together, as shown. */

/**
 * Fold long stretches of rows that are the same, so that what differs is in sight.
 * @param {Uint8Array} rowKinds
 * @param {{context?: number, least?: number, open?: (first: number) => boolean}} [options] `context`: rows left
 *   around what differs; `least`: shorter stretches are not folded; `open`: stretches that are shown.
 * @returns {Block[]} A block of kind `-1` stands for its rows; any other is one row.
 */
export function foldSame(rowKinds, options = {}) {
  const { context = 3, least = 4, open = () => false } = options;
  /** @type {Block[]} */
  const blocks = [];
  let row = 0;
  while (row < rowKinds.length) {
    let end = row;
    while (end < rowKinds.length && rowKinds[end] === SAME) end++;
    const from = row === 0 ? 0 : row + context;
    const to = end === rowKinds.length ? end : end - context;
    if (to - from >= least && !open(from)) {
      for (; row < from; row++) blocks.push({ kind: SAME, first: row, count: 1 });
      blocks.push({ kind: -1, first: from, count: to - from });
      row = to;
    }
    for (; row < Math.min(end + 1, rowKinds.length); row++) {
      blocks.push({ kind: rowKinds[row], first: row, count: 1 });
    }
  }
  return blocks;
}
