/**
 * The rows of the table: messages, effects and log lines of a run in one line, by time. No DOM.
 *
 * A row is two numbers: of which table, and which row of it.
 */

/** @typedef {import("../data/run_data.js").RunData} RunData */

export const MESSAGE = 0;
export const EFFECT = 1;
export const LOG = 2;
export const TABLE_OF = /** @type {const} */ (["messages", "effects", "logs"]);

export class Rows {
  /** @param {number} count */
  constructor(count) {
    this.count = count;
    this.table = new Uint8Array(count);
    this.row = new Uint32Array(count);
  }
}

/**
 * When what a row tells began.
 * @param {RunData} run
 * @param {number} table
 * @param {number} row
 */
export function timeOf(run, table, row) {
  if (table === EFFECT) return run.effects.columns.begin[row];
  if (table === LOG) return run.logs.columns.at[row];
  const sent = run.messages.columns.sent[row];
  return Number.isNaN(sent) ? run.messages.columns.delivered[row] : sent;
}

/**
 * All rows, by time.
 * @param {RunData} run
 * @returns {Rows}
 */
export function makeRows(run) {
  const sources = TABLE_OF.map((name, table) => byTime(run, table, run[name].rows));
  const rows = new Rows(sources.reduce((sum, each) => sum + each.order.length, 0));
  const next = [0, 0, 0];
  for (let at = 0; at < rows.count; at++) {
    let table = -1;
    for (let one = 0; one < 3; one++) {
      if (next[one] >= sources[one].order.length) continue;
      if (table < 0 || sources[one].times[next[one]] < sources[table].times[next[table]]) table = one;
    }
    rows.table[at] = table;
    rows.row[at] = sources[table].order[next[table]++];
  }
  return rows;
}

/**
 * @param {RunData} run
 * @param {number} table
 * @param {number} count
 * @returns {{ order: Uint32Array, times: Float64Array }} both by time
 */
function byTime(run, table, count) {
  const times = new Float64Array(count);
  const order = new Uint32Array(count);
  let isSorted = true;
  for (let row = 0; row < count; row++) {
    order[row] = row;
    times[row] = timeOf(run, table, row) || 0;
    if (row > 0 && times[row] < times[row - 1]) isSorted = false;
  }
  if (isSorted) return { order, times };
  order.sort((one, other) => times[one] - times[other] || one - other);
  return { order, times: Float64Array.from(order, (row) => times[row]) };
}

/**
 * The event that tells most about a row: where a message arrived, where an effect ended.
 * @param {RunData} run
 * @param {number} table
 * @param {number} row
 * @returns {number} its number; -1 if it isn't known
 */
export function eventOf(run, table, row) {
  if (table === LOG) return run.rowOf(run.logs.columns.agent[row], run.logs.columns.step[row]);
  if (table === EFFECT) {
    const { agent, first_step: first, last_step: last } = run.effects.columns;
    return run.rowOf(agent[row], last[row] >= 0 ? last[row] : first[row]);
  }
  const { src, src_step: srcStep, dst, dst_step: dstStep } = run.messages.columns;
  if (dst[row] >= 0 && dstStep[row] >= 0) return run.rowOf(dst[row], dstStep[row]);
  return run.rowOf(src[row], srcStep[row]);
}

export const SORTS = /** @type {const} */ (["time", "duration", "wait", "tokens", "cost", "bytes"]);
/** @typedef {typeof SORTS[number]} Sort */

/**
 * What a row is sorted by; NaN for nothing, which comes last.
 * @param {RunData} run
 * @param {Sort} sort
 * @param {number} table
 * @param {number} row
 * @returns {number}
 */
export function valueOf(run, sort, table, row) {
  const { columns } = run[TABLE_OF[table]];
  if (sort === "time") return timeOf(run, table, row);
  if (table === LOG) return NaN;
  const isMessage = table === MESSAGE;
  if (sort === "duration") return columns.end[row] - columns.begin[row];
  if (sort === "wait") return isMessage ? columns.begin[row] - columns.delivered[row] : NaN;
  if (sort === "cost") return columns.cost[row];
  if (sort === "tokens") return isMessage ? columns.tokens[row] : columns.input_tokens[row] + columns.output_tokens[row];
  return isMessage ? columns.bytes[row] : columns.request_bytes[row] + columns.result_bytes[row];
}

/**
 * Put places of rows in the order of a value. Numbers are packed with their places into doubles,
 * which sort without a comparison function: half a second less for a million.
 * @param {Uint32Array} places into `rows`, by time
 * @param {(place: number) => number} value not negative
 * @param {boolean} down the largest first
 * @returns {Uint32Array}
 */
export function sortPlaces(places, value, down) {
  const bits = new Float32Array(1);
  const whole = new Uint32Array(bits.buffer);
  const factor = 2 ** Math.max(1, Math.ceil(Math.log2(places.length + 1)));
  const room = 2 ** 53 / factor;
  const shift = room < 2 ** 32 ? 2 ** 32 / room : 1;
  const keys = new Float64Array(places.length);
  for (let at = 0; at < places.length; at++) {
    const wanted = value(places[at]);
    bits[0] = wanted > 0 ? wanted : 0;
    const key = Number.isNaN(wanted) ? -1 : Math.floor(whole[0] / shift) + 1;
    const ordered = key < 0 ? 0xffffffff / shift : down ? Math.floor(0x7f800001 / shift) - key : key;
    keys[at] = Math.floor(ordered) * factor + at;
  }
  keys.sort();
  return Uint32Array.from(keys, (key) => places[key % factor]);
}
