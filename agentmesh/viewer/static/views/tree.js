/**
 * A JSON value as a tree that opens and closes, with what changed since another value marked.
 *
 * One stop for the Tab key; inside, arrows move, open and close. What is open stays open when
 * another value is shown, and what changed is opened by itself.
 */

import { fill, h, setVars, told } from "../shell/dom.js";
import { ENTRIES_MAX, treeRows } from "../logic/json_tree.js";

/** @typedef {import("../logic/json_tree.js").Json} Json */
/** @typedef {import("../logic/json_tree.js").TreeRow} TreeRow */
/** @typedef {import("../logic/json_tree.js").Mark} Mark */

const TEXT_MAX = 20_000;
/** @type {Record<Mark, string>} */
const MARK_WORDS = { "": "", added: "new", removed: "gone", changed: "changed", inside: "" };

export class Tree {
  /**
   * @param {string} name For screen readers.
   * @param {{open?: number}} [options] `open`: how many levels are open at first (1).
   */
  constructor(name, options = {}) {
    this._levels = options.open ?? 1;
    /** @type {Map<string, boolean>} */
    this._chosen = new Map();
    /** @type {Map<string, number>} */
    this._shown = new Map();
    /** @type {TreeRow[]} */
    this._rows = [];
    this._focused = "";
    /** @type {Json | undefined} */
    this._before = undefined;
    /** @type {Json | undefined} */
    this._after = undefined;
    this.element = h("div", {
      class: "tree mono",
      role: "tree",
      "aria-label": name,
      onclick: (/** @type {MouseEvent} */ event) => this._clicked(event),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this._pressed(event),
    });
  }

  /**
   * Show a value.
   * @param {Json | undefined} after What is there.
   * @param {Json} [before] What was there; nothing is marked without.
   */
  show(after, before) {
    this._before = before;
    this._after = after;
    this._draw();
  }

  _draw() {
    const rows = treeRows(this._before, this._after, {
      isOpen: (id, depth, mark) =>
        depth === 0 || (this._chosen.get(id) ?? (depth < this._levels || mark === "inside")),
      shownOf: (id) => this._shown.get(id) ?? ENTRIES_MAX,
    });
    // The whole is not said where it has entries: they say it.
    this._rows = rows.length > 1 && rows[0]?.type !== "string" ? rows.slice(1) : rows;
    const held = this.element.contains(document.activeElement);
    if (!this._rows.some((row) => row.id === this._focused)) this._focused = this._rows[0]?.id ?? "";
    fill(this.element, this._rows.map((row) => this._row(row)));
    if (held) this._focus(this._focused);
  }

  /** @param {TreeRow} row */
  _row(row) {
    const focused = row.id === this._focused;
    const element = h(
      "div",
      {
        class: `tree-row ${row.mark && `is-${row.mark}`} ${row.type === "text" ? "is-text" : ""}`,
        role: "treeitem",
        tabIndex: focused ? 0 : -1,
        "data-id": row.id,
        "aria-level": String(Math.max(row.depth, 1)),
        "aria-expanded": row.openable ? String(row.open) : undefined,
      },
      h("span", { class: "tree-toggle", "aria-hidden": "true" }, row.openable ? (row.open ? "▾" : "▸") : ""),
      content(row),
    );
    setVars(element, { "--depth": String(Math.max(row.depth - 1, 0)) });
    return element;
  }

  /** @param {MouseEvent} event */
  _clicked(event) {
    const row = this._rowAt(event.target);
    if (!row || String(getSelection())) return;
    this._focused = row.id;
    this._act(row);
  }

  /** @param {EventTarget | null} target */
  _rowAt(target) {
    const element = target instanceof Element ? target.closest("[data-id]") : null;
    const id = element?.getAttribute("data-id");
    return this._rows.find((row) => row.id === id);
  }

  /** @param {TreeRow} row */
  _act(row) {
    if (row.type === "more") {
      const id = row.id.slice(0, row.id.indexOf("\u0000"));
      this._shown.set(id, (this._shown.get(id) ?? ENTRIES_MAX) * 4);
    } else if (row.openable) this._chosen.set(row.id, !row.open);
    else return;
    this._draw();
    this._focus(this._focused);
  }

  /** @param {KeyboardEvent} event */
  _pressed(event) {
    const at = this._rows.findIndex((row) => row.id === this._focused);
    const row = this._rows[at];
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!this._moved(event.key, at, row)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /**
   * @param {string} key
   * @param {number} at
   * @param {TreeRow} row
   * @returns {boolean} whether the key was for the tree
   */
  _moved(key, at, row) {
    if (key === "ArrowDown") this._focus(this._rows[at + 1]?.id);
    else if (key === "ArrowUp") this._focus(this._rows[at - 1]?.id);
    else if (key === "Home") this._focus(this._rows[0]?.id);
    else if (key === "End") this._focus(this._rows.at(-1)?.id);
    else if (key === "Enter" || key === " ") this._act(row);
    else if (key === "ArrowRight" && row.openable) {
      if (row.open) this._focus(this._rows[at + 1]?.id);
      else this._act(row);
    } else if (key === "ArrowLeft" && (row.open || row.depth > 1)) {
      if (row.open) this._act(row);
      else this._focus(this._rows.slice(0, at).findLast((each) => each.depth < row.depth)?.id);
    } else return false;
    return true;
  }

  /** @param {string | undefined} id */
  _focus(id) {
    if (id === undefined) return;
    for (const element of this.element.children) {
      const here = element.getAttribute("data-id") === id;
      /** @type {HTMLElement} */ (element).tabIndex = here ? 0 : -1;
      if (here) /** @type {HTMLElement} */ (element).focus({ preventScroll: false });
    }
    this._focused = id;
  }
}

/** @param {TreeRow} row */
function content(row) {
  if (row.type === "more") {
    return h("span", { class: "tree-more" }, `${row.count.toLocaleString("en")} more: show`);
  }
  if (row.type === "text") {
    const left = row.text.length - TEXT_MAX;
    return h(
      "span",
      { class: "tree-text" },
      told(row.text.slice(0, TEXT_MAX)),
      left > 0 && h("span", { class: "tree-more" }, ` … ${left.toLocaleString("en")} more characters: the event's payload has all of it`),
    );
  }
  return [
    row.label !== "" && h("span", { class: "tree-label" }, told(row.label)),
    row.was && [h("del", { class: "tree-was" }, told(row.was)), h("span", { "aria-hidden": "true", class: "tree-arrow" }, "→")],
    (!row.open || row.type === "string") && h("span", { class: `tree-value type-${row.type}` }, told(row.text)),
    row.open && row.count > 0 && h("span", { class: "tree-count" }, `${row.type === "list" ? "[" : "{"}${row.count}${row.type === "list" ? "]" : "}"}`),
    MARK_WORDS[row.mark] && h("span", { class: "hidden-text" }, `, ${MARK_WORDS[row.mark]}`),
  ];
}
