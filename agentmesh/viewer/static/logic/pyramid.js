/**
 * Levels of detail: bars of a track in groups of four, groups of these, and so on up. No DOM.
 *
 * A group knows where it begins and ends, how much of it is covered, and its bar that should be
 * seen from afar. To draw a track, one goes down from the top, and only where a group is wider
 * than a pixel: a million bars cost as much as there are pixels.
 */

/** @typedef {import("./bars.js").Bars} Bars */
/** @typedef {import("./lanes.js").Lanes} Lanes */

const BRANCH = 4;

/**
 * @typedef {object} Level
 * @property {Float64Array} start
 * @property {Float64Array} end
 * @property {Float64Array} busy Sum of lengths.
 * @property {Uint32Array} bar The one that stands for all.
 * @property {Uint32Array} first By track: where it begins in this level; one more at the end.
 */

export class Pyramid {
  /**
   * @param {Bars} bars
   * @param {Lanes} lanes
   * @param {(bar: number) => number} weight the heaviest bar of a group stands for it
   */
  constructor(bars, lanes, weight) {
    this.lanes = lanes;
    const weights = new Float64Array(bars.count);
    for (let bar = 0; bar < bars.count; bar++) weights[bar] = weight(bar);
    /** @type {Level[]} */
    this.levels = [ground(bars, lanes)];
    for (;;) {
      const below = this.levels[this.levels.length - 1];
      if (!wide(below)) break;
      this.levels.push(above(below, weights));
    }
  }

  /** How many tracks there are. */
  get tracks() {
    return this.lanes.first.length - 1;
  }

  /**
   * Visit what is to be seen of a track between two places, from left to right.
   * @param {number} track
   * @param {number} from
   * @param {number} to
   * @param {number} grain what is no wider is not looked into
   * @param {(start: number, end: number, busy: number, bar: number) => void} visit
   */
  visit(track, from, to, grain, visit) {
    const top = this.levels.length - 1;
    const { first } = this.levels[top];
    this._descend(top, first[track], first[track + 1], track, from, to, grain, visit);
  }

  /**
   * @param {number} at the level
   * @param {number} low
   * @param {number} high
   * @param {number} track
   * @param {number} from
   * @param {number} to
   * @param {number} grain
   * @param {(start: number, end: number, busy: number, bar: number) => void} visit
   */
  _descend(at, low, high, track, from, to, grain, visit) {
    const { start, end, busy, bar, first } = this.levels[at];
    for (let node = low; node < high; node++) {
      if (start[node] > to) return;
      if (end[node] < from) continue;
      if (at === 0 || end[node] - start[node] <= grain) {
        visit(start[node], end[node], busy[node], bar[node]);
        continue;
      }
      const below = this.levels[at - 1].first;
      const children = below[track] + (node - first[track]) * BRANCH;
      const until = Math.min(children + BRANCH, below[track + 1]);
      this._descend(at - 1, children, until, track, from, to, grain, visit);
    }
  }

  /**
   * The bar of a track at a place, or the nearest one within reach.
   * @param {number} track
   * @param {number} place
   * @param {number} reach
   * @returns {number} -1 if there is none
   */
  find(track, place, reach) {
    let found = -1;
    let nearest = Infinity;
    this.visit(track, place - reach, place + reach, 0, (start, end, _, bar) => {
      const away = place < start ? start - place : place > end ? place - end : 0;
      if (away < nearest || (away === 0 && nearest === 0)) [found, nearest] = [bar, away];
    });
    return found;
  }
}

/**
 * @param {Bars} bars
 * @param {Lanes} lanes
 * @returns {Level}
 */
function ground(bars, lanes) {
  const { sorted, first } = lanes;
  const count = first[first.length - 1];
  const [start, end, busy] = [new Float64Array(count), new Float64Array(count), new Float64Array(count)];
  for (let at = 0; at < count; at++) {
    start[at] = bars.start[sorted[at]];
    end[at] = bars.end[sorted[at]];
    busy[at] = end[at] - start[at];
  }
  return { start, end, busy, bar: sorted.subarray(0, count), first };
}

/** @param {Level} level */
function wide(level) {
  for (let track = 0; track + 1 < level.first.length; track++) {
    if (level.first[track + 1] - level.first[track] > BRANCH) return true;
  }
  return false;
}

/**
 * @param {Level} below
 * @param {Float64Array} weights
 * @returns {Level}
 */
function above(below, weights) {
  const tracks = below.first.length - 1;
  const first = new Uint32Array(tracks + 1);
  for (let track = 0; track < tracks; track++) {
    first[track + 1] = first[track] + Math.ceil((below.first[track + 1] - below.first[track]) / BRANCH);
  }
  const count = first[tracks];
  const level = {
    start: new Float64Array(count), end: new Float64Array(count), busy: new Float64Array(count),
    bar: new Uint32Array(count), first,
  };
  for (let track = 0; track < tracks; track++) {
    for (let node = first[track]; node < first[track + 1]; node++) {
      const from = below.first[track] + (node - first[track]) * BRANCH;
      gather(level, node, below, from, Math.min(from + BRANCH, below.first[track + 1]), weights);
    }
  }
  return level;
}

/**
 * @param {Level} level
 * @param {number} node
 * @param {Level} below
 * @param {number} from
 * @param {number} to
 * @param {Float64Array} weights
 */
function gather(level, node, below, from, to, weights) {
  let [end, busy, bar] = [-Infinity, 0, below.bar[from]];
  for (let at = from; at < to; at++) {
    if (below.end[at] > end) end = below.end[at];
    busy += below.busy[at];
    if (weights[below.bar[at]] > weights[bar]) bar = below.bar[at];
  }
  level.start[node] = below.start[from];
  level.end[node] = end;
  level.busy[node] = busy;
  level.bar[node] = bar;
}
