/** The list of runs as it is shown: filtered, sorted, forks below what they come from. No DOM. */

import { fits } from "./filter_syntax.js";

/** @typedef {import("../data/types.js").Run} Run */
/** @typedef {{ run: Run, depth: number, forks: number }} Shown */

export const RUN_SORTS = /** @type {const} */ (["started", "duration", "events", "tokens", "cost", "failures"]);
/** @typedef {typeof RUN_SORTS[number]} RunSort */

/**
 * What a run is sorted by.
 * @param {Run} run
 * @param {RunSort} sort
 * @returns {number} NaN for what isn't known
 */
export function runValue(run, sort) {
  const figures = run.figures;
  if (sort === "started") return run.started_ms;
  if (sort === "duration") return run.duration_ns ?? NaN;
  if (!figures) return NaN;
  if (sort === "tokens") return figures.input_tokens + figures.output_tokens;
  if (sort === "cost") return figures.cost_usd ?? NaN;
  return figures[sort];
}

/**
 * Whether all words are in what is known of a run: id, workflow, program, status, driver, error,
 * result. `status:failed` and the like look in one place.
 * @param {Run} run
 * @param {string} query
 */
export function runFits(run, query) {
  /** @type {Record<string, string>} */
  const places = {
    id: run.id, status: run.status, workflow: run.workflow, program: run.program, driver: run.driver,
    parent: run.parent, error: run.error ? `${run.error.type} ${run.error.what}` : "", result: run.result ?? "",
  };
  return query.split(/\s+/).filter(Boolean).every((word) => {
    const not = word.startsWith("-") && word.length > 1;
    const wanted = not ? word.slice(1) : word;
    const [, field, value] = /^(\w+):(.+)$/.exec(wanted) ?? ["", "", ""];
    const found = field in places
      ? value.split("|").some((one) => fits(places[field], one))
      : Object.values(places).some((place) => fits(place, wanted));
    return found !== not;
  });
}

/**
 * Runs in order; forks follow the run that they come from, however they sort. A run that does not
 * fit is shown all the same where a fork of it does.
 * @param {Run[]} runs
 * @param {{ query: string, sort: RunSort, down: boolean, folded: Set<string> }} wish
 * @returns {Shown[]}
 */
export function listRuns(runs, { query, sort, down, folded }) {
  const ids = new Set(runs.map((each) => each.id));
  /** @type {Map<string, Run[]>} */
  const forks = new Map();
  const roots = [];
  for (const run of runs) {
    if (run.parent && ids.has(run.parent) && run.parent !== run.id) {
      forks.set(run.parent, [...(forks.get(run.parent) ?? []), run]);
    } else roots.push(run);
  }
  const compare = comparing(sort, down);
  /** @type {Map<string, boolean>} */
  const known = new Map();
  const isShown = (/** @type {Run} */ run) => {
    const before = known.get(run.id);
    if (before !== undefined) return before;
    known.set(run.id, false); // a circle of parents shows nothing twice
    /** @type {boolean} */
    const now = runFits(run, query) || (forks.get(run.id) ?? []).some(isShown);
    known.set(run.id, now);
    return now;
  };
  /** @type {Shown[]} */
  const found = [];
  const add = (/** @type {Run} */ run, /** @type {number} */ depth) => {
    if (!isShown(run)) return;
    const own = (forks.get(run.id) ?? []).filter(isShown).sort(compare);
    found.push({ run, depth, forks: own.length });
    if (!folded.has(run.id)) for (const each of own) add(each, depth + 1);
  };
  for (const run of roots.sort(compare)) add(run, 0);
  return found;
}

/**
 * @param {RunSort} sort
 * @param {boolean} down
 * @returns {(one: Run, other: Run) => number}
 */
function comparing(sort, down) {
  return (one, other) => {
    const [a, b] = [runValue(one, sort), runValue(other, sort)];
    if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
    return (down ? b - a : a - b) || (one.id < other.id ? 1 : -1);
  };
}
