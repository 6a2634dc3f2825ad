/**
 * The selection's causal past and future: which messages belong to it, and how far it reaches in
 * each lane. Found once for each selection; drawn by the overlay.
 */

import { chain, future, NEVER, past } from "../../logic/cones.js";

/** @typedef {import("../../data/run_data.js").RunData} RunData */

/** So many arrows are drawn at most, the nearest; how many there are is told. */
export const ARROWS_MAX = 600;

/**
 * @typedef {object} Arrow
 * @property {number} row Of the message.
 * @property {number} sent Number of the event that sent it.
 * @property {number} arrived
 * @property {boolean} isPast
 * @property {boolean} isDirect Whether it is in the straight line of causes.
 */

/**
 * @typedef {object} Cones
 * @property {number} event
 * @property {Int32Array} past By agent: the last step.
 * @property {Int32Array} future By agent: the first step.
 * @property {Arrow[]} arrows Nearest first.
 * @property {{ past: number, future: number }} counts How many messages there are.
 */

/**
 * @param {RunData} run
 * @param {number} event
 * @returns {Cones | null} null while the run is not read far enough
 */
export function findCones(run, event) {
  if (event < 0 || event >= run.count) return null;
  const events = {
    rows: run.count,
    agent: run.events.column("agent"),
    step: run.events.column("step"),
    cause: run.events.column("cause"),
  };
  const before = past(events, run.agents.length, event);
  const after = future(events, run.agents.length, event);
  const direct = new Set(chain(events, event));
  const { arrows, counts } = messagesIn(run, event, before, after, direct);
  return { event, past: before, future: after, arrows, counts };
}

/**
 * @param {RunData} run
 * @param {number} event
 * @param {Int32Array} before
 * @param {Int32Array} after
 * @param {Set<number>} direct
 */
function messagesIn(run, event, before, after, direct) {
  const { src, src_step: srcStep, dst, dst_step: dstStep } = run.messages.columns;
  const { first, rows } = run.index;
  const counts = { past: 0, future: 0 };
  /** @type {Arrow[]} */
  const arrows = [];
  for (let row = 0; row < run.messages.rows; row++) {
    const [from, to] = [src[row], dst[row]];
    if (from < 0 || to < 0 || srcStep[row] < 0 || dstStep[row] < 0) continue;
    const isPast = dstStep[row] <= before[to];
    const isFuture = !isPast && after[from] !== NEVER && srcStep[row] >= after[from];
    if (!isPast && !isFuture) continue;
    counts[isPast ? "past" : "future"]++;
    const sent = rows[first[from] + srcStep[row]];
    const arrived = rows[first[to] + dstStep[row]];
    const isDirect = isPast ? direct.has(arrived) && direct.has(sent) : sent === event;
    if (isDirect || arrows.length < 20_000 || Math.abs(arrived - event) < ARROWS_MAX * 4) {
      arrows.push({ row, sent, arrived, isPast, isDirect });
    }
  }
  const away = (/** @type {Arrow} */ each) => Math.abs(each.arrived - event) - (each.isDirect ? 1e9 : 0);
  arrows.sort((one, other) => away(one) - away(other));
  arrows.length = Math.min(arrows.length, ARROWS_MAX);
  return { arrows, counts };
}
