/**
 * Moving through a run event by event: what each agent had done by then, and what comes next. No DOM in here.
 */

import { visible } from "./text.js";

/** @typedef {import("../data/run_data.js").RunData} RunData */
/** @typedef {"event" | "agent" | "handler"} By */

/**
 * What a cut has of each agent: its latest step, in the order of agents.
 * @param {RunData} run
 * @param {number} row The event that the cut lies behind.
 * @returns {Int32Array} -1 for agents that have not begun.
 */
export function cutAt(run, row) {
  const { first, rows } = run.index;
  const cut = new Int32Array(run.agents.length).fill(-1);
  for (let agent = 0; agent < cut.length; agent++) {
    const start = first[agent] ?? 0;
    let low = start;
    let high = first[agent + 1] ?? start;
    while (low < high) {
      const half = (low + high) >> 1;
      if ((rows[half] ?? -1) <= row) low = half + 1;
      else high = half;
    }
    cut[agent] = low - start - 1;
  }
  return cut;
}

/**
 * Find the event to go to.
 * @param {RunData} run
 * @param {number} row Where the cursor is.
 * @param {By} by
 * @param {1 | -1} direction
 * @returns {number} -1 if there is none.
 */
export function stepFrom(run, row, by, direction) {
  if (by === "event") {
    const next = row + direction;
    return next >= 0 && next < run.count ? next : -1;
  }
  if (by === "agent") return run.neighbour(row, direction);
  const agent = run.events.column("agent")[row] ?? -1;
  const step = run.events.column("step")[row] ?? -1;
  const steps = deliveriesOf(run, agent, handlerAt(run, row));
  const found = direction > 0 ? steps.find((each) => each > step) : steps.findLast((each) => each < step);
  return found === undefined ? -1 : run.rowOf(agent, found);
}

/**
 * The handler whose turn an event belongs to.
 * @param {RunData} run
 * @param {number} row
 * @returns {number} Its code; 0 for none.
 */
export function handlerAt(run, row) {
  const agent = run.events.column("agent")[row];
  const turn = run.events.column("turn")[row];
  if (!turn) return 0;
  const { turns } = run;
  const [agents, numbers] = [turns.column("agent"), turns.column("turn")];
  for (let each = 0; each < turns.rows; each++) {
    if (agents[each] === agent && numbers[each] === turn) return turns.column("handler")[each] ?? 0;
  }
  return 0;
}

/**
 * @param {RunData} run
 * @param {number} agent
 * @param {number} handler
 * @returns {number[]} Steps at which messages for a handler of an agent came; sorted.
 */
function deliveriesOf(run, agent, handler) {
  const { turns } = run;
  const [agents, handlers, steps] = ["agent", "handler", "deliver_step"].map((name) => turns.column(name));
  /** @type {number[]} */
  const found = [];
  for (let each = 0; handler && each < turns.rows; each++) {
    const step = steps?.[each] ?? -1;
    if (agents?.[each] === agent && handlers?.[each] === handler && step >= 0) found.push(step);
  }
  return found.sort((a, b) => a - b);
}

/**
 * Who did what in each part of a run, as cells of a strip: a column for a stretch of events, a lane for some agents.
 * @param {RunData} run
 * @param {number} columns
 * @param {number} lanes
 * @param {ArrayLike<number>} ranks Of each kind of event: where several fall on a cell, the highest is shown.
 * @returns {Uint8Array} `[column * lanes + lane]`: 0 for nothing, else 1 + the kind.
 */
export function stripCells(run, columns, lanes, ranks) {
  const cells = new Uint8Array(columns * lanes);
  const [kind, agent] = [run.events.column("kind"), run.events.column("agent")];
  const rows = run.count;
  const scale = columns / Math.max(rows, 1);
  const high = lanes / Math.max(run.agents.length, lanes);
  for (let row = 0; row < rows; row++) {
    const at = Math.min(columns - 1, Math.floor(row * scale)) * lanes + Math.floor(agent[row] * high);
    const before = cells[at];
    if (!before || ranks[kind[row]] > ranks[before - 1]) cells[at] = kind[row] + 1;
  }
  return cells;
}

/**
 * The last part of a file's path, with the line: `desk.py:124`.
 * @param {string} file
 * @param {number} line
 */
export function placeOf(file, line) {
  return visible(`${file.split("/").at(-1) ?? file}:${line}`);
}
