/** "Go to": one field that finds views, agents and events by what is typed. */

import { fill, h, told } from "./dom.js";
import { openDialog } from "./dialog.js";
import { VIEWS } from "./views.js";

/** @typedef {import("../data/run_data.js").RunData} RunData */
/** @typedef {{ label: string, hint: string, go: () => void }} Entry */

const SHOWN = 50;

/**
 * @param {RunData | null} run
 * @param {{ select: (event: number) => void, open: (view: string) => void, openRun: (id: string | null) => void }} ways
 */
export function openGoto(run, ways) {
  const list = h("div", { role: "listbox", id: "goto-list", "aria-label": "Found" });
  const field = h("input", {
    class: "field", type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "goto-list",
    "aria-label": "Go to", placeholder: run ? "An event (Writer/w1@118), an agent, a view" : "Runs",
    spellcheck: false, autocomplete: "off",
  });
  /** @type {Entry[]} */
  let entries = [];
  let at = 0;
  const show = () => {
    entries = entriesFor(run, ways, field.value.trim());
    at = Math.min(at, Math.max(0, entries.length - 1));
    fill(list, entries.map((each, place) => option(each, place === at, () => take(each))));
    if (entries.length === 0) fill(list, h("div", { class: "none" }, "Nothing is called that."));
    field.setAttribute("aria-activedescendant", entries.length ? "goto-at" : "");
    list.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  };
  /** @param {Entry} entry */
  const take = (entry) => {
    dialog.close();
    entry.go();
  };
  field.addEventListener("input", () => ((at = 0), show()));
  field.addEventListener("keydown", (event) => {
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const chosen = entries[at];
    if (by) {
      at = (at + by + entries.length) % Math.max(1, entries.length);
      show();
    } else if (event.key === "Enter" && chosen) take(chosen);
    else return;
    event.preventDefault();
  });
  const dialog = openDialog("Go to", [h("div", null, field, list)], "goto");
  show();
  field.focus();
}

/**
 * @param {Entry} entry
 * @param {boolean} isAt
 * @param {() => void} onclick
 */
function option(entry, isAt, onclick) {
  return h(
    "div",
    { role: "option", "aria-selected": String(isAt), id: isAt && "goto-at", onclick },
    h("span", { class: "clip" }, told(entry.label)),
    h("span", { class: "faint" }, told(entry.hint)),
  );
}

/**
 * @param {RunData | null} run
 * @param {{ select: (event: number) => void, open: (view: string) => void, openRun: (id: string | null) => void }} ways
 * @param {string} typed
 * @returns {Entry[]}
 */
function entriesFor(run, ways, typed) {
  /** @type {Entry[]} */
  const found = [];
  if (run) {
    const event = typed ? run.find(typed) : -1;
    if (event >= 0) {
      found.push({ label: run.reference(event), hint: `event ${event}`, go: () => ways.select(event) });
    }
    for (const view of VIEWS) found.push({ label: view.title, hint: "view", go: () => ways.open(view.id) });
    for (const agent of run.agents) {
      const first = run.rowOf(agent.index, 0);
      if (first >= 0) {
        found.push({ label: agent.address, hint: `agent, ${agent.events} events`, go: () => ways.select(first) });
      }
    }
  }
  found.push({ label: "All runs", hint: "list", go: () => ways.openRun(null) });
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (/** @type {Entry} */ each, /** @type {number} */ place) =>
    (place === 0 && each.hint.startsWith("event")) ||
    words.every((word) => each.label.toLowerCase().includes(word));
  return found.filter(fits).slice(0, SHOWN);
}
