/** The list of runs: what there is, how it went, what it took; forks below their parents; live. */

import { isAbort } from "../../data/api.js";
import { count, plural } from "../../logic/format.js";
import { listRuns, RUN_SORTS } from "../../logic/runs_list.js";
import { button, fill, h, stateMessage, told } from "../../shell/dom.js";
import { makeDom } from "./dom.js";
import { runRow } from "./row.js";

/** @typedef {import("../../shell/context.js").Context} Context */
/** @typedef {import("../../data/types.js").Run} Run */
/** @typedef {import("../../logic/runs_list.js").RunSort} RunSort */

const POLL_MS = 2000;
const PAGE = 200;

class RunsPage {
  /**
   * @param {HTMLElement} root
   * @param {Context} context
   */
  constructor(root, context) {
    this.context = context;
    /** @type {Run[]} */
    this.runs = [];
    /** @type {{ id: string, error: any }[]} */
    this.problems = [];
    this.loaded = false;
    this.version = "";
    /** @type {Error | null} */
    this.error = null;
    /** @type {import("../../logic/runs_list.js").Shown[]} */
    this.shown = [];
    this.active = "";
    this.limit = PAGE;
    /** @type {Set<string>} */
    this.folded = new Set();
    this.sort = sortOf(context.params());
    this.abort = new AbortController();
    this.dom = makeDom(root, context.params().q ?? "", {
      type: () => {
        context.setParams({ q: this.dom.field.value });
        this.draw();
      },
      sort: (by) => this.sortBy(by),
      open: (id) => context.openRun(id),
    });
    context.bindKeys(this.keys());
    this.draw();
    void this.poll();
  }

  /** Ask again and again what there is; the server says when nothing has changed. */
  async poll() {
    while (!this.abort.signal.aborted) {
      const before = this.error;
      let news = !this.loaded || this.runs.some((each) => each.status === "running");
      try {
        const answer = await this.context.api.json("/api/runs", { seen: this.version }, { signal: this.abort.signal });
        if (answer) {
          this.runs = answer.runs;
          this.problems = answer.problems;
          this.pending = answer.pending;
          this.version = answer.version;
          news = true;
        }
        this.error = null;
      } catch (error) {
        if (isAbort(error)) return;
        this.error = /** @type {Error} */ (error);
      }
      this.loaded = true;
      if (news || this.error?.message !== before?.message) this.draw();
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** @param {RunSort} by */
  sortBy(by) {
    this.sort = { by, down: this.sort.by === by ? !this.sort.down : true };
    const { down } = this.sort;
    this.context.setParams({ sort: by === "started" && down ? "" : `${down ? "-" : ""}${by}` });
    this.draw();
  }

  draw() {
    const query = this.dom.field.value;
    const all = listRuns(this.runs, { query, sort: this.sort.by, down: this.sort.down, folded: this.folded });
    this.shown = all;
    const now = Date.now();
    const longest = Math.max(1, ...this.runs.map((each) => each.duration_ns ?? 0));
    const left = all.length - this.limit;
    fill(this.dom.rows,
      all.slice(0, this.limit).map((each) => runRow(each, {
        active: each.run.id === this.active, folded: this.folded.has(each.run.id), now, longest,
        fold: () => this.fold(each.run.id),
      })),
      left > 0 && h("div", { class: "runs-more" }, button(`Show ${count(Math.min(left, PAGE))} of ${count(left)} more`, () => {
        this.limit += PAGE;
        this.draw();
      })));
    this._tell(all.length, query);
    for (const head of this.dom.heads) {
      const mine = head.dataset.sort === this.sort.by;
      head.setAttribute("aria-sort", mine ? (this.sort.down ? "descending" : "ascending") : "none");
    }
    this.dom.grid.setAttribute("aria-activedescendant", all.some((each) => each.run.id === this.active) ? "run-active" : "");
  }

  /**
   * @param {number} shown
   * @param {string} query
   */
  _tell(shown, query) {
    const running = this.runs.filter((each) => each.status === "running").length;
    const parts = [query ? `${shown} of ${plural(this.runs.length, "run")}` : plural(this.runs.length, "run")];
    if (running) parts.push(`${running} running`);
    if (this.pending) parts.push(`${this.pending} still being counted`);
    fill(this.dom.told, this.loaded ? parts.join(" · ") : "");
    const problems = this.problems.map(({ id, error }) =>
      h("div", { class: "notice bad" }, h("b", { class: "mono" }, told(id)), told(`${error.what} ${error.fix ?? ""}`)));
    if (this.error) problems.unshift(h("div", { class: "notice bad", role: "alert" }, told(this.error.message)));
    fill(this.dom.problemList, problems);
    this.dom.none.hidden = shown > 0;
    this.dom.grid.hidden = shown === 0;
    if (shown > 0) return;
    fill(this.dom.none, !this.loaded
      ? stateMessage("Looking for runs", "", { kind: "busy" })
      : query ? stateMessage("No run is like that", `None of ${plural(this.runs.length, "run")} has all of these words.`)
      : stateMessage("No runs yet", `Nothing is stored in ${this.context.api.config.store}. A run appears here as soon as it starts.`, { command: "agentmesh demo" }));
  }

  /** @param {string} id */
  fold(id) {
    if (!this.folded.delete(id)) this.folded.add(id);
    this.draw();
  }

  /** @param {number} by */
  move(by) {
    const at = this.shown.findIndex((each) => each.run.id === this.active);
    const next = this.shown[Math.max(0, Math.min(this.shown.length - 1, at < 0 ? 0 : at + by))];
    if (!next) return;
    this.active = next.run.id;
    this.draw();
    this.dom.grid.querySelector(".row.active")?.scrollIntoView({ block: "nearest" });
  }

  /** @returns {import("../../shell/keys.js").Binding[]} */
  keys() {
    const group = "Runs";
    const onRow = (/** @type {KeyboardEvent} */ event) => !(event.target instanceof HTMLButtonElement || event.target instanceof HTMLAnchorElement);
    return [
      { keys: "ArrowDown, j", label: "Next run", group, run: () => this.move(1) },
      { keys: "ArrowUp, k", label: "Previous run", group, run: () => this.move(-1) },
      { keys: "Enter", label: "Open the run", group, run: (event) => (onRow(event) && this.active ? this.context.openRun(this.active) : false) },
      { keys: "ArrowLeft, ArrowRight", label: "Hide or show forks", group, run: () => (this.active ? this.fold(this.active) : false) },
      { keys: "/", label: "Filter", group, run: () => this.dom.field.select() },
      {
        keys: "Escape", label: "From the filter to the list", group, typing: true,
        run: (event) => (event.target === this.dom.field ? this.dom.grid.focus() : false),
      },
    ];
  }

  destroy() {
    this.abort.abort();
  }
}

/**
 * @param {Record<string, string>} params
 * @returns {{ by: RunSort, down: boolean }}
 */
function sortOf(params) {
  const [, minus, by] = /^(-?)(\w*)$/.exec(params.sort ?? "") ?? ["", "", ""];
  const known = RUN_SORTS.find((each) => each === by);
  return known ? { by: known, down: minus === "-" } : { by: "started", down: true };
}

/** @type {import("../../shell/views.js").View} */
export const view = {
  mount(root, context) {
    const page = new RunsPage(root, context);
    return { destroy: () => page.destroy() };
  },
};
