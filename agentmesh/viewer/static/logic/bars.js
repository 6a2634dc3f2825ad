/**
 * Turns and effects as bars: who, from when to when, of which kind. No DOM.
 *
 * Bars are numbered: first all turns, by their rows, then all effects. Their ends are places on the
 * axis that is shown: folded or real time, or numbers of events.
 */

/** @typedef {import("../data/run_data.js").RunData} RunData */

/** What a bar stands for; the order is that of the palette. */
export const KINDS = /** @type {const} */ ([
  "turn", "tool", "http", "call", "opaque", "model", "timer", "failed", "open", "dead",
]);
const [TURN, , , , OPAQUE, , , FAILED, OPEN, DEAD] = KINDS.keys();

/** Whether a bar failed, or is a dead letter. @param {number} kind */
export function isBad(kind) {
  return kind === FAILED || kind === DEAD;
}

/** By EFFECT_KINDS: other, tool, http, call, opaque, model, timer. */
const OF_EFFECT = Uint8Array.from([OPAQUE, 1, 2, 3, 4, 5, 6]);
/** By OUTCOMES: open, done, failed, expired, cancelled, dead, continued. */
const OF_TURN = Uint8Array.from([OPEN, TURN, FAILED, FAILED, FAILED, DEAD, TURN]);

export class Bars {
  /**
   * @param {number} turns
   * @param {number} effects
   */
  constructor(turns, effects) {
    this.turns = turns;
    this.count = turns + effects;
    this.agent = new Uint32Array(this.count);
    this.start = new Float64Array(this.count);
    this.end = new Float64Array(this.count);
    this.kind = new Uint8Array(this.count);
  }

  /** @param {number} bar */
  isTurn(bar) {
    return bar < this.turns;
  }
}

/**
 * An axis: how a moment, or a step of an agent, becomes a place.
 * @typedef {object} Axis
 * @property {boolean} logical
 * @property {number} total
 * @property {(ns: number) => number} place
 * @property {(place: number) => number} time
 */

/**
 * @param {RunData} run
 * @param {Axis} axis
 * @returns {Bars}
 */
export function makeBars(run, axis) {
  const { turns, effects } = run;
  const bars = new Bars(turns.rows, effects.rows);
  takeTurns(bars, run);
  takeEffects(bars, run);
  if (axis.logical) placeByNumbers(bars, run);
  else if (axis.place !== identity) {
    for (let bar = 0; bar < bars.count; bar++) {
      bars.start[bar] = axis.place(bars.start[bar]);
      bars.end[bar] = axis.place(bars.end[bar]);
    }
  }
  return bars;
}

/** @param {number} value */
export const identity = (value) => value;

/**
 * @param {Bars} bars
 * @param {RunData} run
 */
function takeTurns(bars, run) {
  const { columns } = run.turns;
  if (bars.turns === 0) return;
  const { agent, begin, end, outcome, delivered } = columns;
  for (let row = 0; row < bars.turns; row++) {
    const from = Number.isNaN(begin[row]) ? delivered[row] : begin[row];
    const to = end[row];
    const open = outcome[row] === 0;
    bars.agent[row] = agent[row];
    bars.start[row] = from;
    bars.end[row] = Number.isNaN(to) ? (open ? Math.max(from, run.duration) : from) : to;
    bars.kind[row] = OF_TURN[outcome[row]] ?? TURN;
  }
}

/**
 * @param {Bars} bars
 * @param {RunData} run
 */
function takeEffects(bars, run) {
  const { columns, rows } = run.effects;
  if (rows === 0) return;
  const { agent, begin, end, kind, status } = columns;
  for (let row = 0; row < rows; row++) {
    const bar = bars.turns + row;
    bars.agent[bar] = agent[row];
    bars.start[bar] = begin[row];
    bars.end[bar] = Number.isNaN(end[row]) ? Math.max(begin[row], run.duration) : end[row];
    bars.kind[bar] = status[row] === 2 ? FAILED : status[row] === 0 ? OPEN : (OF_EFFECT[kind[row]] ?? OPAQUE);
  }
}

/**
 * Put bars where their events are in the run order.
 * @param {Bars} bars
 * @param {RunData} run
 */
function placeByNumbers(bars, run) {
  const { first, rows } = run.index;
  const sources = [
    { table: run.turns, offset: 0, after: 0.8 },
    { table: run.effects, offset: bars.turns, after: 0 },
  ];
  for (const { table, offset, after } of sources) {
    const from = table.column("first_step");
    const to = table.column("last_step");
    for (let row = 0; row < table.rows; row++) {
      const bar = offset + row;
      const base = first[bars.agent[bar]];
      const begins = rows[base + from[row]] ?? -1;
      const ends = to[row] < 0 || table.column("end")[row] !== table.column("end")[row]
        ? run.count - 1
        : (rows[base + to[row]] ?? begins);
      bars.start[bar] = begins;
      bars.end[bar] = Math.max(begins, ends) + after;
    }
  }
}

/**
 * The step of its agent that tells most about a bar: a turn's message, an effect's end.
 * @param {RunData} run
 * @param {Bars} bars
 * @param {number} bar
 */
export function stepOf(run, bars, bar) {
  const [table, row] = bars.isTurn(bar) ? [run.turns, bar] : [run.effects, bar - bars.turns];
  const wanted = table.column(bars.isTurn(bar) ? "deliver_step" : "last_step")[row];
  return wanted >= 0 ? wanted : table.column("first_step")[row];
}

/**
 * The bar that an event belongs to: the effect that it ends, or the turn that it is part of.
 * @param {RunData} run
 * @param {Bars} bars
 * @param {number} event
 * @returns {number} -1 if there is none
 */
export function barOf(run, bars, event) {
  if (event < 0 || event >= run.count) return -1;
  const agent = run.events.column("agent")[event];
  const step = run.events.column("step")[event];
  const turn = run.events.column("turn")[event];
  const ends = run.effects.column("last_step");
  for (let row = 0; row < bars.count - bars.turns; row++) {
    if (ends[row] === step && bars.agent[bars.turns + row] === agent) return bars.turns + row;
  }
  const delivered = run.turns.column("deliver_step");
  const numbers = run.turns.column("turn");
  let found = -1;
  for (let row = 0; row < bars.turns; row++) {
    if (bars.agent[row] !== agent) continue;
    if (delivered[row] === step) return row;
    if (turn > 0 && numbers[row] === turn) found = row;
  }
  return found;
}
