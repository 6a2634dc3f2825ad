/** What is in a row of the table. */

import { EFFECT_KINDS, EFFECT_STATUS, LEVELS, MESSAGE_KINDS, OUTCOMES } from "../../data/run_data.js";
import { cost, duration, effectName, shortCount, since, size } from "../../logic/format.js";
import { visible } from "../../logic/text.js";
import { EFFECT, MESSAGE, timeOf } from "../../logic/rows.js";
import { h, told } from "../../shell/dom.js";

/** @typedef {import("../../data/run_data.js").RunData} RunData */
/** @typedef {import("./previews.js").Preview} Preview */

/** @type {{ id: string, title: string, sort?: import("../../logic/rows.js").Sort, number?: boolean }[]} */
export const COLUMNS = [
  { id: "time", title: "Time", sort: "time", number: true },
  { id: "kind", title: "Kind" },
  { id: "who", title: "Agents" },
  { id: "what", title: "What" },
  { id: "text", title: "Payload" },
  { id: "took", title: "Took", sort: "duration", number: true },
  { id: "wait", title: "Waited", sort: "wait", number: true },
  { id: "tokens", title: "Tokens", sort: "tokens", number: true },
  { id: "cost", title: "Cost", sort: "cost", number: true },
  { id: "size", title: "Size", sort: "bytes", number: true },
  { id: "state", title: "Ended" },
];

/**
 * @param {RunData} run
 * @param {number} table
 * @param {number} row
 * @param {Preview | undefined} preview
 * @returns {HTMLElement[]}
 */
export function cellsFor(run, table, row, preview) {
  const parts = table === MESSAGE ? message(run, row) : table === EFFECT ? effect(run, row) : log(run, row);
  const at = timeOf(run, table, row);
  return [
    cell("time", since(at, run.duration)),
    cell("kind", h("span", { class: `kind ${parts.tone}` }, parts.kind)),
    cell("who", parts.who, parts.title),
    cell("what", told(parts.what), visible(parts.what)),
    cell("text", previewOf(preview)),
    cell("took", parts.took > 0 ? duration(parts.took) : ""),
    cell("wait", parts.wait > 0 ? duration(parts.wait) : ""),
    cell("tokens", parts.tokens > 0 ? shortCount(parts.tokens) : ""),
    cell("cost", parts.cost > 0 ? cost(parts.cost) : ""),
    cell("size", parts.bytes > 0 ? size(parts.bytes) : ""),
    cell("state", h("span", { class: parts.bad ? "bad-text" : "muted" }, parts.state)),
  ];
}

/**
 * @param {string} id
 * @param {import("../../shell/dom.js").Child} content
 * @param {string} [title] all of it, where the cell may be too narrow
 */
function cell(id, content, title) {
  return h("div", { class: `cell c-${id}`, role: "gridcell", title }, content);
}

/** @param {Preview | undefined} preview */
function previewOf(preview) {
  if (!preview) return h("span", { class: "faint" }, "…");
  return [
    told(preview.text),
    (preview.cut || (preview.text === "" && preview.bytes > 0)) && h("span", { class: "faint" }, ` … ${size(preview.bytes)} in all`),
  ];
}

/**
 * @param {RunData} run
 * @param {number} row
 */
function message(run, row) {
  const c = run.messages.columns;
  const kind = MESSAGE_KINDS[c.kind[row]] ?? "message";
  const handler = run.word("handlers", c.handler[row]);
  const type = run.word("types", c.type[row]);
  const hasTurn = c.turn[row] > 0 || c.outcome[row] > 0;
  const state =
    Number.isNaN(c.delivered[row]) ? (c.dst[row] < 0 ? "" : "not delivered")
    : hasTurn ? OUTCOMES[c.outcome[row]]
    : "";
  return {
    kind,
    tone: kind === "fail" ? "failed" : "message",
    title: visible(`${run.address(c.src[row])} → ${run.address(c.dst[row])}`),
    who: [told(run.address(c.src[row])), h("span", { class: "faint", "aria-label": "to" }, " → "), told(run.address(c.dst[row]))],
    what: handler && type ? `${handler}(${type})` : handler || type,
    took: c.end[row] - c.begin[row],
    wait: c.begin[row] - c.delivered[row],
    tokens: c.tokens[row], cost: c.cost[row], bytes: c.bytes[row], state,
    bad: [2, 3, 4, 5].includes(c.outcome[row]) || state === "not delivered",
  };
}

/**
 * @param {RunData} run
 * @param {number} row
 */
function effect(run, row) {
  const c = run.effects.columns;
  const kind = EFFECT_KINDS[c.kind[row]] ?? "effect";
  const model = run.word("models", c.model[row]);
  return {
    kind, tone: c.status[row] === 2 ? "failed" : kind,
    title: visible(run.address(c.agent[row])), who: told(run.address(c.agent[row])),
    what: model || effectName(run.word("effect_names", c.name[row]), kind),
    took: c.end[row] - c.begin[row], wait: NaN,
    tokens: c.input_tokens[row] + c.output_tokens[row], cost: c.cost[row],
    bytes: c.request_bytes[row] + c.result_bytes[row],
    state: EFFECT_STATUS[c.status[row]], bad: c.status[row] === 2,
  };
}

/**
 * @param {RunData} run
 * @param {number} row
 */
function log(run, row) {
  const c = run.logs.columns;
  const level = LEVELS[c.level[row]] ?? "log";
  return {
    kind: level, tone: c.level[row] >= 3 ? "failed" : c.level[row] === 2 ? "http" : "log",
    title: visible(run.address(c.agent[row])), who: told(run.address(c.agent[row])), what: "log", took: NaN, wait: NaN, tokens: 0, cost: NaN, bytes: 0,
    state: "", bad: false,
  };
}
