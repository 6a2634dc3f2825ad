/** A bar in words: for the tooltip, the mirror, and what is said aloud. */

import { EFFECT_KINDS, EFFECT_STATUS, OUTCOMES } from "../../data/run_data.js";
import { cost, count, duration } from "../../logic/format.js";
import { h, told } from "../../shell/dom.js";
import { labelOf } from "./painter.js";

/** @typedef {import("./scene.js").Scene} Scene */

/**
 * @param {Scene} scene
 * @param {number} bar
 * @returns {{ title: string, kind: string, facts: [string, string][] }}
 */
export function describe(scene, bar) {
  const { run, bars } = scene;
  const isTurn = bars.isTurn(bar);
  const { columns } = isTurn ? run.turns : run.effects;
  const row = isTurn ? bar : bar - bars.turns;
  const tokens = columns.input_tokens[row] + columns.output_tokens[row];
  /** @type {[string, string][]} */
  const facts = [["at", duration(isTurn && !(columns.begin[row] >= 0) ? columns.delivered[row] : columns.begin[row], 5)]];
  facts.push(["took", Number.isNaN(columns.end[row]) ? (run.info.growing ? "goes on" : "it did not end") : duration(columns.end[row] - columns.begin[row])]);
  if (isTurn) {
    const wait = columns.begin[row] - columns.delivered[row];
    if (wait > 0) facts.push(["waited", duration(wait)]);
    if (columns.asked[row] > 0) facts.push(["for answers", duration(columns.asked[row])]);
    if (columns.performing[row] > 0) facts.push(["for effects", duration(columns.performing[row])]);
    facts.push(["from", run.address(columns.src[row])]);
  }
  if (tokens > 0) facts.push(["tokens", `${count(columns.input_tokens[row])} in, ${count(columns.output_tokens[row])} out`]);
  if (columns.cost[row] > 0) facts.push(["cost", cost(columns.cost[row])]);
  const state = isTurn ? OUTCOMES[columns.outcome[row]] : EFFECT_STATUS[columns.status[row]];
  const kind = isTurn ? `turn, ${state}` : `${EFFECT_KINDS[columns.kind[row]]}, ${state}`;
  return { title: labelOf(scene, bar) || "(no name)", kind, facts };
}

/**
 * @param {Scene} scene
 * @param {number} bar
 * @returns {string} one line
 */
export function sentence(scene, bar) {
  const { title, kind, facts } = describe(scene, bar);
  const agent = scene.run.address(scene.bars.agent[bar]);
  return `${title} of ${agent}, ${kind}, ${facts.map(([name, value]) => `${name} ${value}`).join(", ")}`;
}

/**
 * @param {Scene} scene
 * @param {number} bar
 * @returns {HTMLElement[]} for the tooltip
 */
export function tooltipFor(scene, bar) {
  const { title, kind, facts } = describe(scene, bar);
  return [
    h("div", { class: "tip-title" }, told(title), h("span", { class: "faint" }, kind)),
    h("div", { class: "tip-agent mono" }, told(scene.run.address(scene.bars.agent[bar]))),
    h("dl", null, facts.map(([name, value]) => [h("dt", null, name), h("dd", null, told(value))])),
  ];
}
