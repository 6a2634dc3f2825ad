/** All messages, effects and log lines of a run in a table: filtered, sorted, and walked by keys. */

import { parseFilter } from "../logic/filter_syntax.js";
import { filterRows } from "../logic/filter.js";
import { count, duration, plural } from "../logic/format.js";
import { eventOf, makeRows, sortPlaces, SORTS, valueOf } from "../logic/rows.js";
import { Scrolling } from "../logic/scrolling.js";
import { fill, h, setVars, stateMessage } from "../shell/dom.js";
import { cellsFor } from "./table/cells.js";
import { makeTableDom, showMistakes } from "./table/dom.js";
import { Previews } from "./table/previews.js";
import { Searches } from "./table/searches.js";
import { tableKeys } from "./table/keys.js";

/** @typedef {import("../shell/context.js").Context} Context */
/** @typedef {import("../logic/rows.js").Sort} Sort */

const ROW_HEIGHT = 30;
const HEAD_HEIGHT = 31;
const TYPING_MS = 120;
/** What the server is asked for changes less often. */
const SEARCH_TYPING_MS = 400;
const REBUILD_MS = 1500;

export class MessageTable {
  /**
   * @param {HTMLElement} root
   * @param {Context} context
   */
  constructor(root, context) {
    this.context = context;
    this.scrolling = new Scrolling(ROW_HEIGHT);
    this.previews = new Previews(context, () => this.draw());
    this.searches = new Searches(context, () => this.filter());
    this.rows = makeRows(context.run);
    this.version = context.run.version;
    /** @type {Uint32Array} */
    this.places = new Uint32Array(0);
    /** Of `places`; -1 for none. */
    this.active = -1;
    /** @type {{ by: Sort, down: boolean }} */
    this.sort = sortOf(context.params());
    this.query = context.params().q ?? "";
    this._frame = 0;
    /** Whether the selected row is to be brought into view as soon as it is here. */
    this._toReveal = false;
    this._builtAt = performance.now();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._later = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._typing = undefined;
    this.dom = makeTableDom(root, {
      type: () => this._typed(),
      sort: (by) => this.sortBy(by),
      scroll: (bar) => {
        if (Math.abs(bar - this.scrolling.bar) > 1) this.scrolling.bar = bar;
        this.draw();
      },
      wheel: (by) => this.wheel(by),
      point: (row) => this.activate(row),
    });
    this.dom.field.value = this.query;
    this._watch = new ResizeObserver(() => this.resize());
    this._watch.observe(this.dom.grid);
    context.bindKeys(tableKeys(this));
    this.resize();
    this.filter();
    this.follow(true);
  }

  // --- which rows ---

  _typed() {
    clearTimeout(this._typing);
    const { terms } = parseFilter(this.dom.field.value);
    const asks = terms.some((each) => each.sort === "text" || each.sort === "path");
    this._typing = setTimeout(() => {
      this.query = this.dom.field.value;
      this.context.setParams({ q: this.query });
      this.filter();
    }, asks ? SEARCH_TYPING_MS : TYPING_MS);
  }

  /** Filter and sort anew; what is selected stays. */
  filter() {
    const { run } = this.context;
    const began = performance.now();
    const { terms, mistakes } = parseFilter(this.query);
    this.searches.keep(terms);
    const found = terms.map((term) => this.searches.of(term));
    let places = filterRows(run, this.rows, terms, (term) => found[terms.indexOf(term)]?.hits ?? null);
    const { by, down } = this.sort;
    if (by !== "time" || down) {
      const { table, row } = this.rows;
      places = by === "time"
        ? places.slice().reverse()
        : sortPlaces(places, (at) => valueOf(run, by, table[at], row[at]), down);
    }
    this.places = places;
    this.filteredIn = performance.now() - began;
    this.scrolling.count = places.length;
    this.scrolling.moveTo(this.scrolling.top);
    showMistakes(this.dom, mistakes, this.query);
    this._tell(found.filter((each) => each !== null));
    this.resize();
    this.follow(false);
  }

  /** @param {import("./table/searches.js").Search[]} searches */
  _tell(searches) {
    const all = this.rows.count;
    const shown = this.places.length;
    const parts = [shown === all ? plural(all, "row") : `${count(shown)} of ${plural(all, "row")}`];
    const { run } = this.context;
    if (!run.complete && !run.info.growing) parts.push("the run is still being read");
    for (const { done, searched, error } of searches) {
      if (error) parts.push(/** @type {any} */ (error).what ?? error.message);
      else if (!done) parts.push(`searching payloads: ${count(searched)} so far`);
    }
    fill(this.dom.told, parts.join(" · "));
    this.dom.told.title = `Filtered in ${duration((this.filteredIn ?? 0) * 1e6, 2)}`;
    this.dom.grid.setAttribute("aria-rowcount", String(shown + 1));
    this.dom.none.hidden = shown > 0;
    if (shown === 0) {
      const busy = searches.some((each) => !each.done);
      const failed = searches.find((each) => each.error)?.error;
      fill(this.dom.none, failed
        ? stateMessage("The server can't search for that", failed.message, { kind: "failed" })
        : all === 0
        ? stateMessage("Nothing is on record", "No message, effect or log line was recorded in this run.")
        : busy ? stateMessage("Searching payloads", "", { kind: "busy" })
        : stateMessage("Nothing fits", "No message, effect or log line is as the filter says."));
    }
  }

  /** @param {Sort} by */
  sortBy(by) {
    const down = this.sort.by === by ? !this.sort.down : by !== "time";
    this.sort = { by, down };
    this.context.setParams({ sort: by === "time" && !down ? "" : `${down ? "-" : ""}${by}` });
    this.filter();
  }

  /** The run has more rows. */
  grown() {
    const wait = this.context.run.complete ? 0 : this._builtAt + REBUILD_MS - performance.now();
    clearTimeout(this._later);
    this._later = setTimeout(() => {
      const atEnd = this.scrolling.top > 0 && this.scrolling.top >= this.scrolling.last - ROW_HEIGHT;
      this.rows = makeRows(this.context.run);
      this._builtAt = performance.now();
      this.previews.clear();
      this.filter();
      if (atEnd && this.context.run.info.growing) this.scrolling.moveTo(this.scrolling.last);
    }, Math.max(0, wait));
  }

  // --- which row ---

  /**
   * Make the selected event's row the active one, if it is here.
   * @param {boolean} reveal
   */
  follow(reveal) {
    const event = this.context.selected();
    if (event < 0) this.active = -1;
    else if (this._eventAt(this.active) !== event) this.active = this._find(event);
    this._toReveal ||= reveal;
    if (this._toReveal && this.active >= 0) {
      this.scrolling.reveal(this.active, 3);
      this._toReveal = false;
    }
    this.draw();
  }

  /** @param {number} at in `places` */
  _eventAt(at) {
    const place = this.places[at];
    return place === undefined ? -1 : eventOf(this.context.run, this.rows.table[place], this.rows.row[place]);
  }

  /** @param {number} event */
  _find(event) {
    for (let at = 0; at < this.places.length; at++) if (this._eventAt(at) === event) return at;
    return -1;
  }

  /** @param {number} at in `places` */
  activate(at) {
    if (this.places.length === 0) return;
    this.active = Math.max(0, Math.min(this.places.length - 1, at));
    this.scrolling.reveal(this.active);
    this.draw();
    const event = this._eventAt(this.active);
    if (event >= 0) this.context.select(event);
    else this.context.announce("Nothing more is on record of this row.");
  }

  /** @param {number} by */
  wheel(by) {
    if (!this.scrolling.isScaled) return false;
    this.scrolling.moveTo(this.scrolling.top + by);
    this.draw();
    return true;
  }

  // --- drawing ---

  resize() {
    this.scrolling.view = this.dom.grid.clientHeight - HEAD_HEIGHT;
    setVars(this.dom.root, { "--rows-height": `${this.scrolling.height}px` });
    this.draw();
  }

  draw() {
    this._frame ||= requestAnimationFrame(() => {
      this._frame = 0;
      this._draw();
    });
  }

  _draw() {
    const { scrolling, dom } = this;
    if (Math.abs(dom.grid.scrollTop - scrolling.bar) > 1) dom.grid.scrollTop = scrolling.bar;
    const { first, last } = scrolling.range;
    this.previews.begin();
    const made = [];
    for (let at = first; at < last; at++) made.push(this._row(at));
    fill(dom.rows, made);
    setVars(dom.rows, { "--shift": `${first * ROW_HEIGHT - scrolling.top}px` });
    dom.grid.setAttribute("aria-activedescendant", this.active >= first && this.active < last ? "row-active" : "");
    for (const head of dom.heads) {
      const mine = head.dataset.sort === this.sort.by;
      head.setAttribute("aria-sort", mine ? (this.sort.down ? "descending" : "ascending") : "none");
    }
  }

  /** @param {number} at */
  _row(at) {
    const place = this.places[at];
    const [table, row] = [this.rows.table[place], this.rows.row[place]];
    const isActive = at === this.active;
    return h(
      "div",
      {
        class: `row${isActive ? " active" : ""}`, role: "row", "aria-rowindex": at + 2, "data-at": at,
        "aria-selected": String(isActive), id: isActive && "row-active",
      },
      cellsFor(this.context.run, table, row, this.previews.of(table, row)),
    );
  }

  destroy() {
    this._watch.disconnect();
    this.previews.destroy();
    this.searches.destroy();
    cancelAnimationFrame(this._frame);
    clearTimeout(this._later);
    clearTimeout(this._typing);
  }
}

/**
 * @param {Record<string, string>} params
 * @returns {{ by: Sort, down: boolean }}
 */
function sortOf(params) {
  const [, minus, by] = /^(-?)(\w*)$/.exec(params.sort ?? "") ?? ["", "", ""];
  const known = SORTS.find((each) => each === by);
  return known ? { by: known, down: minus === "-" } : { by: "time", down: false };
}

/** @type {import("../shell/views.js").View} */
export const view = {
  mount(root, context) {
    const table = new MessageTable(root, context);
    return {
      update(change) {
        if (change.run) table.grown();
        if (change.params && (context.params().q ?? "") !== table.query) {
          table.query = table.dom.field.value = context.params().q ?? "";
          table.filter();
        }
        if (change.selection) table.follow(true);
      },
      destroy: () => table.destroy(),
    };
  },
};
