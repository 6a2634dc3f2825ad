/** The elements of the list of runs. */

import { button, fill, h } from "../../shell/dom.js";

/** @typedef {import("../../logic/runs_list.js").RunSort} RunSort */

/** @type {{ id: string, title: string, sort?: RunSort }[]} */
const COLUMNS = [
  { id: "run", title: "Run" },
  { id: "status", title: "Status" },
  { id: "workflow", title: "Workflow" },
  { id: "outcome", title: "Result" },
  { id: "started", title: "Started", sort: "started" },
  { id: "took", title: "Took", sort: "duration" },
  { id: "events", title: "Events", sort: "events" },
  { id: "failures", title: "Failed", sort: "failures" },
  { id: "tokens", title: "Tokens", sort: "tokens" },
  { id: "cost", title: "Cost", sort: "cost" },
  { id: "driver", title: "Driver" },
];

/**
 * @param {HTMLElement} root
 * @param {string} query
 * @param {{ type: () => void, sort: (by: RunSort) => void, open: (run: string) => void }} asks
 */
export function makeDom(root, query, asks) {
  const field = h("input", {
    class: "field", type: "search", spellcheck: false, value: query, "aria-label": "Filter runs", oninput: asks.type,
    placeholder: "Filter runs: words, status:failed, workflow:main, -driver:branch",
  });
  const told = h("span", { class: "muted", role: "status" });
  const heads = COLUMNS.map(({ id, title, sort }) =>
    h("div", { class: `cell r-${id}`, role: "columnheader", "data-sort": sort },
      sort ? button(title, () => asks.sort(sort), { class: "plain small" }) : title));
  const rows = h("div", { role: "rowgroup", class: "run-rows" });
  const problemList = h("div", { class: "run-problems" });
  const none = h("div", { hidden: true, class: "run-none" });
  const grid = h("div", { class: "grid runs-grid", role: "treegrid", tabIndex: 0, "aria-label": "Runs" },
    h("div", { class: "table-head", role: "rowgroup" }, h("div", { class: "row", role: "row" }, heads)), rows);
  rows.addEventListener("click", (event) => {
    const at = event.target instanceof Element ? event.target : null;
    const row = at?.closest("[data-run]");
    if (row instanceof HTMLElement && !at?.closest("button, a")) asks.open(row.dataset.run ?? "");
  });
  fill(root, h("div", { class: "runs-top" }, h("h1", null, "Runs"), told), h("div", { class: "runs-filter" }, field), problemList, grid, none);
  return { field, told, heads, rows, problemList, none, grid };
}
