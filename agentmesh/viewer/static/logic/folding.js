/**
 * Folding of idle time: stretches in which nobody does anything become short. No DOM.
 *
 * A *gap* is a stretch without a begin or an end of a turn, without a message that leaves or
 * arrives, and without an effect under way. Sleeps do not count: who sleeps is idle.
 */

/** @typedef {{ from: number, to: number }} Gap */

/**
 * Find the gaps of a run.
 * @param {{ begin: ArrayLike<number>, end: ArrayLike<number>, rows: number, skip?: (row: number) => boolean }} effects
 * @param {{ times: ArrayLike<number>, rows: number }[]} moments when something happened
 * @param {number} total time of the last event
 * @param {number} shortest what is shorter is no gap
 * @returns {Gap[]} in order
 */
export function findGaps(effects, moments, total, shortest) {
  if (!(total > 0)) return [];
  // Cells no longer than half the shortest gap: one without anything in it is inside a gap.
  const cells = Math.min(2_000_000, Math.max(1, Math.ceil((2 * total) / shortest)));
  const scale = cells / total;
  const change = new Int32Array(cells + 2);
  const low = new Float64Array(cells + 1).fill(Infinity);
  const high = new Float64Array(cells + 1).fill(-Infinity);
  /** @param {number} at */
  const touch = (at) => {
    if (!(at >= 0 && at <= total)) return;
    const cell = Math.min(cells, Math.floor(at * scale));
    if (at < low[cell]) low[cell] = at;
    if (at > high[cell]) high[cell] = at;
  };
  for (let row = 0; row < effects.rows; row++) {
    if (effects.skip?.(row)) continue;
    const from = effects.begin[row];
    const to = Number.isNaN(effects.end[row]) ? total : effects.end[row];
    touch(from);
    touch(to);
    if (!(to > from)) continue;
    change[Math.min(cells, Math.floor(from * scale))]++;
    change[Math.min(cells, Math.floor(to * scale)) + 0]--;
  }
  for (const { times, rows } of moments) for (let row = 0; row < rows; row++) touch(times[row]);
  return collect(change, low, high, cells, total, shortest);
}

/**
 * @param {Int32Array} change effects that begin less those that end, by cell
 * @param {Float64Array} low the first moment in each cell
 * @param {Float64Array} high the last one
 * @param {number} cells
 * @param {number} total
 * @param {number} shortest
 */
function collect(change, low, high, cells, total, shortest) {
  /** @type {Gap[]} */
  const gaps = [];
  let open = 0;
  let last = 0;
  for (let cell = 0; cell <= cells; cell++) {
    const busy = open > 0;
    open += change[cell];
    if (low[cell] <= high[cell]) {
      if (!busy && low[cell] - last >= shortest) gaps.push({ from: last, to: low[cell] });
      last = high[cell];
    }
  }
  if (open <= 0 && total - last >= shortest) gaps.push({ from: last, to: total });
  return gaps;
}

/** From time to folded time and back: straight lines, one for each gap and each stretch between. */
export class FoldMap {
  /**
   * @param {Gap[]} gaps in order, apart from each other
   * @param {number} total
   * @param {number} width what each gap becomes, if it isn't shorter already
   */
  constructor(gaps, total, width) {
    this.gaps = gaps;
    /** @type {number[]} */
    const time = [0];
    /** @type {number[]} */
    const place = [0];
    for (const { from, to } of gaps) {
      if (from > time[time.length - 1]) this._line(time, place, from, from - time[time.length - 1]);
      this._line(time, place, to, Math.min(width, to - from));
    }
    const rest = total - time[time.length - 1];
    if (rest > 0) this._line(time, place, total, rest);
    this._time = Float64Array.from(time);
    this._place = Float64Array.from(place);
    this.total = place[place.length - 1];
  }

  /**
   * @param {number[]} time
   * @param {number[]} place
   * @param {number} until
   * @param {number} width
   */
  _line(time, place, until, width) {
    time.push(until);
    place.push(place[place.length - 1] + width);
  }

  /** @param {number} time */
  fold(time) {
    return along(this._time, this._place, time);
  }

  /** @param {number} place */
  unfold(place) {
    return along(this._place, this._time, place);
  }
}

/**
 * @param {Float64Array} from growing
 * @param {Float64Array} to
 * @param {number} value beyond either end it goes on with the slope 1
 */
function along(from, to, value) {
  const last = from.length - 1;
  if (last < 1 || value <= from[0]) return to[0] + (value - from[0]);
  if (value >= from[last]) return to[last] + (value - from[last]);
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (from[middle] <= value) low = middle;
    else high = middle;
  }
  const share = (value - from[low]) / (from[high] - from[low]);
  return to[low] + share * (to[high] - to[low]);
}
