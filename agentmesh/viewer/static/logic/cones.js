/**
 * Causal past and future of an event, as one number for each agent. No DOM.
 *
 * Events come in the run order, in which nothing is before its cause: one pass down finds the
 * past, one pass up the future. Within an agent, what comes earlier is the past of what comes later.
 */

/**
 * @typedef {object} Events
 * @property {number} rows
 * @property {ArrayLike<number>} agent
 * @property {ArrayLike<number>} step
 * @property {ArrayLike<number>} cause
 */

/**
 * @param {Events} events
 * @param {number} agents
 * @param {number} row the event
 * @returns {Int32Array} the last step of each agent that may have mattered to it; -1 for none
 */
export function past(events, agents, row) {
  const { agent, step, cause } = events;
  const last = new Int32Array(agents).fill(-1);
  last[agent[row]] = step[row];
  for (let at = row; at >= 0; at--) {
    if (step[at] > last[agent[at]]) continue;
    const from = cause[at];
    if (from >= 0 && step[from] > last[agent[from]]) last[agent[from]] = step[from];
  }
  return last;
}

export const NEVER = 0x7fffffff;

/**
 * @param {Events} events
 * @param {number} agents
 * @param {number} row the event
 * @returns {Int32Array} the first step of each agent that it may have mattered to; `NEVER` for none
 */
export function future(events, agents, row) {
  const { agent, step, cause } = events;
  const first = new Int32Array(agents).fill(NEVER);
  first[agent[row]] = step[row];
  for (let at = row + 1; at < events.rows; at++) {
    const from = cause[at];
    if (from < 0 || step[from] < first[agent[from]]) continue;
    if (step[at] < first[agent[at]]) first[agent[at]] = step[at];
  }
  return first;
}

/**
 * The straight line of causes of an event: each came from the next one.
 * @param {Events} events
 * @param {number} row
 * @param {number} [limit]
 * @returns {number[]} the event first
 */
export function chain(events, row, limit = 10_000) {
  const found = [];
  for (let at = row; at >= 0 && found.length < limit; at = events.cause[at]) found.push(at);
  return found;
}
