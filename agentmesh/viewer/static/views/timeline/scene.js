/**
 * What the timeline shows, as numbers: the axis, the bars, lanes and levels of detail, and where
 * they are on the screen. It is made anew when the run grows or somebody wants another axis.
 */

import { identity, isBad, makeBars } from "../../logic/bars.js";
import { findGaps, FoldMap } from "../../logic/folding.js";
import { barValues, heat } from "../../logic/heat.js";
import { layOut } from "../../logic/lanes.js";
import { Pyramid } from "../../logic/pyramid.js";

/** @typedef {import("../../data/run_data.js").RunData} RunData */
/** @typedef {import("../../logic/bars.js").Axis} Axis */
/** @typedef {"kind" | "cost" | "tokens" | "wait"} ColourMode */

/**
 * @typedef {object} Settings
 * @property {boolean} logical
 * @property {boolean} folded
 * @property {ColourMode} colour
 * @property {string} order `start`, `name` or `busy`
 * @property {string} filter Part of an agent's address.
 * @property {boolean} large Whether the screen has much room.
 */

const DENSE_FROM = 60;
const WIDE_TO = 16;
/** Heights in CSS pixels; `WIDE` is for few agents on a large screen. */
const WIDE = { turn: 27, turnBar: 23, effect: 21, effectBar: 18, pad: 10, least: 48 };
const ROOMY = { turn: 21, turnBar: 18, effect: 16, effectBar: 13, pad: 7, least: 36 };
const DENSE = { turn: 12, turnBar: 10, effect: 7, effectBar: 6, pad: 3, least: 22 };

export class Scene {
  /**
   * @param {RunData} run
   * @param {Settings} settings
   */
  constructor(run, settings) {
    this.run = run;
    this.settings = settings;
    this.rows = run.turns.rows + run.effects.rows;
    this.agents = run.agents.length;
    this.version = run.version;
    this.fold = settings.folded && !settings.logical ? foldIdle(run) : null;
    /** @type {Axis} */
    this.axis = makeAxis(run, settings.logical, this.fold);
    this.bars = makeBars(run, this.axis);
    const wanted = settings.filter.toLowerCase();
    const shown = wanted
      ? (/** @type {number} */ agent) => run.address(agent).toLowerCase().includes(wanted)
      : undefined;
    this.lanes = layOut(this.bars, run.agents.length, compareBy(run, settings.order), shown);
    /** @type {ReturnType<typeof heat> | null} */
    this.heat = null;
    this.pyramid = this._pyramid(settings.colour);
    const shownLanes = this.lanes.order.length;
    this.sizes = shownLanes > DENSE_FROM ? DENSE : settings.large && shownLanes <= WIDE_TO ? WIDE : ROOMY;
    /** By place of the lane, in CSS pixels; one more at the end. */
    this.laneTop = new Float64Array(this.lanes.order.length + 1);
    this.trackTop = new Float64Array(this.lanes.first.length - 1);
    this.trackHeight = new Float64Array(this.lanes.first.length - 1);
    /** Places of lanes by agent. @type {Map<number, number>} */
    this.laneOf = new Map();
    this.height = this._place();
    /** @type {Uint32Array | null} */
    this._tracks = null;
  }

  /** @param {ColourMode} mode */
  setColour(mode) {
    this.settings = { ...this.settings, colour: mode };
    this.pyramid = this._pyramid(mode);
  }

  /**
   * What is seen from afar is what failed, and then the longest, or what is worth most.
   * @param {ColourMode} mode
   */
  _pyramid(mode) {
    const { bars } = this;
    if (mode === "kind") {
      this.heat = null;
      return new Pyramid(bars, this.lanes, (bar) => bars.end[bar] - bars.start[bar] + (isBad(bars.kind[bar]) ? 1e18 : 0));
    }
    const values = barValues(this.run, mode);
    this.heat = heat(values);
    return new Pyramid(bars, this.lanes, (bar) => values[bar] || 0);
  }

  /** Give lanes and tracks their places. @returns {number} the height of all */
  _place() {
    const { order, laneFirst, turnRows } = this.lanes;
    const { sizes } = this;
    let top = 0;
    for (let lane = 0; lane < order.length; lane++) {
      this.laneTop[lane] = top;
      this.laneOf.set(order[lane], lane);
      let y = top + sizes.pad;
      for (let track = laneFirst[lane]; track < laneFirst[lane + 1]; track++) {
        const isTurn = track - laneFirst[lane] < turnRows[lane];
        this.trackTop[track] = y;
        this.trackHeight[track] = isTurn ? sizes.turnBar : sizes.effectBar;
        y += isTurn ? sizes.turn : sizes.effect;
      }
      top = Math.max(y + sizes.pad, top + sizes.least);
    }
    this.laneTop[order.length] = top;
    return top;
  }

  /**
   * @param {number} y
   * @returns {number} the lane there; -1 for none
   */
  laneAt(y) {
    const tops = this.laneTop;
    if (y < 0 || y >= this.height) return -1;
    let [low, high] = [0, tops.length - 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (tops[middle] <= y) low = middle;
      else high = middle;
    }
    return low;
  }

  /**
   * @param {number} y
   * @returns {number} the track there, or the nearest one of its lane; -1 for none
   */
  trackAt(y) {
    const lane = this.laneAt(y);
    if (lane < 0) return -1;
    let [found, nearest] = [-1, 8];
    for (let track = this.lanes.laneFirst[lane]; track < this.lanes.laneFirst[lane + 1]; track++) {
      const top = this.trackTop[track];
      const height = this.trackHeight[track];
      const away = y < top ? top - y : y > top + height ? y - top - height : 0;
      if (away < nearest) [found, nearest] = [track, away];
    }
    return found;
  }

  /**
   * The height of a bar.
   * @param {number} bar
   * @param {number} [share] of its track: 0.5 is the middle
   * @returns {number} -1 if its agent isn't shown
   */
  heightOf(bar, share = 0.5) {
    const { first, sorted } = this.lanes;
    if (!this._tracks) {
      this._tracks = new Uint32Array(this.bars.count).fill(0xffffffff);
      for (let track = 0; track + 1 < first.length; track++) {
        for (let at = first[track]; at < first[track + 1]; at++) this._tracks[sorted[at]] = track;
      }
    }
    const track = this._tracks[bar];
    return track === 0xffffffff || track === undefined ? -1 : this.trackTop[track] + this.trackHeight[track] * share;
  }

  /**
   * The heights of many events: of the effects that they end, else of the turns that they belong to.
   * @param {Iterable<number>} events their numbers
   * @param {boolean} [along] for lines along bars, below their names; effects count, too
   * @returns {Map<number, number>} by number; -1 for those of agents that aren't shown
   */
  middlesOf(events, along = false) {
    const { run } = this;
    const share = along ? 0.96 : 0.5;
    const { agent, step, turn } = run.events.columns;
    /** @type {Map<number, number[]>} */
    const turns = new Map();
    /** @type {Map<number, number>} */
    const ends = new Map();
    /** @type {Map<number, number>} */
    const found = new Map();
    for (const event of events) {
      found.set(event, this.middleOf(agent[event]));
      const key = agent[event] * 2 ** 32 + turn[event];
      turns.set(key, [...(turns.get(key) ?? []), event]);
      if (along) ends.set(agent[event] * 2 ** 32 + step[event], event);
    }
    const { agent: turnAgent, turn: numbers } = run.turns.columns;
    for (let row = 0; row < this.bars.turns; row++) {
      if (numbers[row] === 0) continue;
      for (const event of turns.get(turnAgent[row] * 2 ** 32 + numbers[row]) ?? []) found.set(event, this.heightOf(row, share));
    }
    const { agent: effectAgent, last_step: last } = run.effects.columns;
    for (let row = 0; ends.size > 0 && row < this.bars.count - this.bars.turns; row++) {
      const event = ends.get(effectAgent[row] * 2 ** 32 + last[row]);
      if (event !== undefined) found.set(event, this.heightOf(this.bars.turns + row, share));
    }
    return found;
  }

  /**
   * Where an agent's messages leave and arrive: the middle of its first row.
   * @param {number} agent
   * @returns {number} -1 if it isn't shown
   */
  middleOf(agent) {
    const lane = this.laneOf.get(agent);
    if (lane === undefined) return -1;
    return this.laneTop[lane] + this.sizes.pad + this.sizes.turnBar / 2;
  }

  /**
   * Where an event is on the axis.
   * @param {number} row
   */
  placeOf(row) {
    return this.axis.logical ? row : this.axis.place(this.run.events.column("at")[row]);
  }
}

/** @param {RunData} run */
function foldIdle(run) {
  const { turns, effects, messages } = run;
  const kind = effects.column("kind");
  const gaps = findGaps(
    {
      begin: effects.column("begin"), end: effects.column("end"), rows: effects.rows,
      skip: (row) => kind[row] === 6,
    },
    [
      { times: turns.column("begin"), rows: turns.rows },
      { times: turns.column("end"), rows: turns.rows },
      { times: effects.column("begin"), rows: effects.rows },
      { times: messages.column("sent"), rows: messages.rows },
      { times: messages.column("delivered"), rows: messages.rows },
    ],
    run.duration,
    Math.max(1, run.duration * 0.015),
  );
  const idle = gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0);
  return new FoldMap(gaps, run.duration, Math.max(1, (run.duration - idle) * 0.025));
}

/**
 * @param {RunData} run
 * @param {boolean} logical
 * @param {FoldMap | null} fold
 * @returns {Axis}
 */
function makeAxis(run, logical, fold) {
  if (logical) {
    const at = run.events.column("at");
    const last = Math.max(0, run.count - 1);
    return {
      logical,
      total: Math.max(1, run.count),
      place: (ns) => firstAfter(at, run.count, ns),
      time: (place) => at[Math.max(0, Math.min(last, Math.round(place)))] ?? 0,
    };
  }
  if (fold) {
    return {
      logical, total: fold.total, place: (ns) => fold.fold(ns), time: (place) => fold.unfold(place),
    };
  }
  return { logical, total: Math.max(1, run.duration), place: identity, time: identity };
}

/**
 * The number of the first event at or after a moment; times in the run order nearly grow.
 * @param {ArrayLike<number>} at
 * @param {number} rows
 * @param {number} ns
 */
function firstAfter(at, rows, ns) {
  let [low, high] = [0, rows];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at[middle] < ns) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * @param {RunData} run
 * @param {string} order
 * @returns {(one: number, other: number) => number}
 */
function compareBy(run, order) {
  const agent = (/** @type {number} */ index) => run.agents[index];
  if (order === "name") {
    return (a, b) => agent(a).address.localeCompare(agent(b).address, "en", { numeric: true });
  }
  if (order === "busy") return (a, b) => agent(b).events - agent(a).events || a - b;
  // Agents of which nothing was read yet come last.
  const start = (/** @type {number} */ index) => (agent(index).events > 0 ? agent(index).first_ns : Number.MAX_VALUE);
  return (a, b) => start(a) - start(b) || a - b;
}
