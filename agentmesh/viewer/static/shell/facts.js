/** What the header says of a run, and notices about it: being read, damaged, unreachable. */

import { cost, count, duration, plural, shortCount } from "../logic/format.js";
import { fill, h, told } from "./dom.js";
import { runTitle } from "./frame.js";
import { FIRST_VIEW, formatRoute } from "./router.js";

/** @typedef {import("../data/run_data.js").RunData} RunData */

/** @type {Record<string, string>} */
const TONES = {
  done: "good", failed: "bad", cancelled: "warn", interrupted: "warn", running: "info",
};

/**
 * A run's status as a pill.
 * @param {string} status
 * @returns {HTMLElement}
 */
export function statusPill(status) {
  return h("span", { class: `pill ${TONES[status] ?? ""}` }, status);
}

/**
 * Title and facts for the header; notices are put where they belong.
 * @param {RunData} run
 * @param {HTMLElement} notices
 * @returns {[import("./dom.js").Child[], import("./dom.js").Child[]]}
 */
export function runFacts(run, notices) {
  const { info } = run;
  fill(notices, ...noticesOf(run));
  const figures = info.figures;
  const tokens = (figures?.input_tokens ?? 0) + (figures?.output_tokens ?? 0);
  const facts = [
    info.parent && branchOf(info),
    fact(info.workflow, ""),
    fact(duration(info.duration_ns ?? NaN), ""),
    fact(count(info.agents.length), info.agents.length === 1 ? "agent" : "agents"),
    fact(shortCount(Math.max(info.rows?.events ?? 0, run.count, info.building?.done ?? 0)), "events"),
    figures && tokens > 0 && fact(shortCount(tokens), "tokens"),
    figures && figures.cost_usd !== null && tokens > 0 && fact(cost(figures.cost_usd), figures.simulated_cost ? "simulated" : ""),
    figures && figures.failures > 0 && fact(count(figures.failures), "failed", "bad-text"),
  ];
  return [runTitle(info.id, statusPill(info.status)), facts];
}

/** A branch says what it comes from. @param {import("../data/types.js").RunInfo} info */
function branchOf({ id, parent }) {
  const compare = formatRoute({ run: parent, view: "compare", params: { with: id } });
  return h("span", null, "branch of ",
    h("a", { href: formatRoute({ run: parent, view: FIRST_VIEW, params: {} }), class: "mono" }, told(parent)), " (",
    h("a", { href: compare }, "compare"), ")");
}

/**
 * @param {string} value
 * @param {string} unit
 * @param {string} [names]
 */
function fact(value, unit, names = "") {
  return h("span", { class: names }, h("b", { class: names }, told(value)), unit && ` ${unit}`);
}

/**
 * @param {RunData} run
 * @returns {HTMLElement[]}
 */
function noticesOf(run) {
  /** @type {HTMLElement[]} */
  const found = [];
  const { info } = run;
  if (run.problem) {
    const text = `What is shown may be old: ${run.problem.message}`;
    found.push(h("div", { class: "notice bad", role: "alert" }, told(text)));
  }
  if (info.error) {
    found.push(h("div", { class: "notice bad" }, h("b", null, told(info.error.type.split(".").pop() ?? "")), told(info.error.what)));
  }
  if (!run.complete && info.building) {
    const { done, of } = info.building;
    const text = of ? `${count(done)} of ${plural(of, "event")} read so far` : `${plural(done, "event")} read so far`;
    found.push(h("div", { class: "notice reading", role: "status" }, `The run is being read: ${text}.`));
  }
  if (info.error_reading) {
    const { what, fix } = info.error_reading;
    found.push(h("div", { class: "notice bad", role: "alert" }, told(`Only what was read before the damage is shown. ${what} ${fix ?? ""}`)));
  }
  if (info.problem) found.push(h("div", { class: "notice" }, told(info.problem)));
  if (info.torn && Object.keys(info.torn).length > 0) {
    const text = `The record breaks off: ${JSON.stringify(info.torn)}`;
    found.push(h("div", { class: "notice" }, told(text)));
  }
  return found;
}
