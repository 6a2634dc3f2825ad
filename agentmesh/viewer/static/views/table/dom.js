/** The table's elements. */

import { button, fill, h } from "../../shell/dom.js";
import { openDialog } from "../../shell/dialog.js";
import { COLUMNS } from "./cells.js";

/**
 * @param {HTMLElement} root
 * @param {{ type: () => void, sort: (by: import("../../logic/rows.js").Sort) => void, scroll: (bar: number) => void,
 *   wheel: (by: number) => boolean, point: (row: number) => void }} asks
 */
export function makeTableDom(root, asks) {
  const mistakes = h("div", { class: "filter-mistake", id: "filter-mistake", role: "alert", hidden: true });
  const field = h("input", {
    class: "field mono", type: "search", spellcheck: false, autocomplete: "off", oninput: asks.type,
    placeholder: "Filter: agent:Writer kind:ask|model duration>2s failed \"text\" $.price > 100",
    "aria-label": "Filter", "aria-describedby": "filter-mistake",
  });
  const told = h("span", { class: "muted table-told", role: "status" });
  const heads = COLUMNS.map(({ id, title, sort }) =>
    h("div", { class: `cell c-${id}`, role: "columnheader", "data-sort": sort },
      sort ? button(title, () => asks.sort(sort), { class: "plain small" }) : title));
  const rows = h("div", { class: "rows", role: "rowgroup" });
  const none = h("div", { class: "table-none", hidden: true });
  // The grid scrolls by itself, under its sticky head: what has the focus is what moves.
  const grid = h(
    "div",
    { class: "grid", role: "grid", tabIndex: 0, "aria-label": "Messages, effects and log lines", "aria-colcount": COLUMNS.length },
    h("div", { class: "table-head", role: "rowgroup" }, h("div", { class: "row", role: "row", "aria-rowindex": 1 }, heads)),
    h("div", { class: "table-tall", role: "presentation" }, rows),
  );
  fill(root,
    h("div", { class: "toolbar table-bar" },
      h("div", { class: "filter" }, field, mistakes), told,
      button("Syntax", openSyntax, { class: "plain small" })),
    h("div", { class: "table-place" }, grid, none));
  grid.addEventListener("scroll", () => asks.scroll(grid.scrollTop));
  grid.addEventListener("wheel", (event) => {
    const by = event.deltaMode === 1 ? event.deltaY * 30 : event.deltaY;
    if (!event.ctrlKey && asks.wheel(by)) event.preventDefault();
  }, { passive: false });
  rows.addEventListener("click", (event) => {
    const row = event.target instanceof Element ? event.target.closest("[data-at]") : null;
    if (row instanceof HTMLElement) asks.point(Number(row.dataset.at));
  });
  return { root, field, mistakes, told, heads, rows, none, grid };
}

/**
 * @param {ReturnType<typeof makeTableDom>} dom
 * @param {import("../../logic/filter_syntax.js").Mistake[]} mistakes
 * @param {string} query
 */
export function showMistakes(dom, mistakes, query) {
  dom.field.setAttribute("aria-invalid", String(mistakes.length > 0));
  dom.mistakes.hidden = mistakes.length === 0;
  fill(dom.mistakes, mistakes.map((each) => h("p", null, h("code", null, query.slice(each.from, each.to)), " ", each.message)));
}

/** @type {[string, string][]} */
const SYNTAX = [
  ["Writer refund", "both words, in names or payloads"],
  ['"out of stock"', "a text with spaces"],
  ["text:lamp", "in payloads only"],
  ["agent:Writer/*", "an agent's messages and effects; * is anything"],
  ["from:main to:Stock/*", "sender and receiver"],
  ["type:Order handler:buy", "a message's type, its handler"],
  ["kind:ask|tell|model", "one of several: tell, ask, reply, …; tool, http, model, timer; info, warning, error; message, effect, log"],
  ["name:search model:gpt*", "an effect's name, a model"],
  ["duration>2s wait>=100ms", "of the turn or effect; time in the mailbox"],
  ["tokens>1k cost>0.01 bytes>10kB", "amounts"],
  ["at>1.5s at<2s", "since the run's beginning"],
  ["failed", "also open, done, expired, cancelled, dead"],
  ["-kind:log", "not"],
  ["$.items[*].price > 100", "a JSON path about the payload, to the end of the line or to “ ; ”"],
];

function openSyntax() {
  openDialog("Filter", [
    h("dl", { class: "syntax" }, SYNTAX.map(([text, means]) => [h("dt", null, h("code", null, text)), h("dd", null, means)])),
  ]);
}
