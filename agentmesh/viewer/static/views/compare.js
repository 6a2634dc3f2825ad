/**
 * Compare: two runs aligned event by event from their fork, with the first divergence marked.
 *
 * The permalink's run is A, `with` names B. Both are read whole: the alignment is made here, from
 * identities that the server computes of causes.
 */

import { button, fill, h, icon, stateMessage, told } from "../shell/dom.js";
import { decode } from "../data/columns.js";
import { loadRun } from "../data/loading.js";
import { ApiError } from "../data/api.js";
import { alignRuns, foldSame, KIND_NAMES, ONLY, SAME } from "../logic/alignment.js";
import { lanesOf, madeUp } from "../logic/compare_map.js";
import { count, plural } from "../logic/format.js";
import { happeningsOf } from "../logic/happenings.js";
import { changes, Detail, MEANINGS, outcome, side } from "./compare/aside.js";
import { CompareMap } from "./compare/map.js";
import { showPicker } from "./compare/picker.js";
import { VirtualRows } from "./virtual_rows.js";

/** @typedef {import("../shell/context.js").Context} Context */
/** @typedef {import("../data/run_data.js").RunData} RunData */
/** @typedef {import("../logic/alignment.js").Side} Side */
/** @typedef {import("../logic/alignment.js").Aligned} Aligned */
/** @typedef {import("../logic/alignment.js").Block} Block */

const ROW = 26;
const PAGE = 250_000;

class Compare {
  /**
   * @param {HTMLElement} root
   * @param {Context} context
   * @param {RunData} other
   * @param {{aligned: Aligned, one: Side, two: Side, diff: any}} found
   */
  constructor(root, context, other, { aligned, one, two, diff }) {
    this.context = context;
    this.run = context.run;
    this.other = other;
    this.aligned = aligned;
    /** @type {Set<number>} */
    this.opened = new Set();
    /** @type {Block[]} */
    this.blocks = [];
    this.selected = -1;
    this.map = new CompareMap((row) => this.select(row));
    this.rows = new VirtualRows({ name: "Aligned events", height: ROW, draw: (block) => this._row(block) });
    this.rows.element.addEventListener("click", (event) => this._clicked(event.target));
    this.detail = new Detail(context, this.run, other);
    const { lanes, laneOfRow } = lanesOf(aligned, one, two);
    fill(
      root,
      this._bar(),
      h("div", { class: "compare-body" },
        h("div", { class: "compare-main" }, this.map.element, this._heads(), this.rows.element),
        h("aside", { class: "compare-aside", "aria-label": "What differs" }, this.detail.element, changes(diff), outcome(diff))),
    );
    this.map.show(aligned, lanes, laneOfRow);
    this._fold();
    this._bindKeys();
    this._start();
  }

  _bar() {
    const { counts } = this.aligned;
    const differing = counts.slice(1).reduce((sum, one) => sum + one, 0);
    return h(
      "div",
      { class: "toolbar" },
      h("span", { class: "compared" }, side("A"), h("span", { class: "mono" }, told(this.run.id))),
      h("span", { class: "compared" }, side("B"), h("span", { class: "mono" }, told(this.other.id))),
      button("Swap", () => this.context.openRun(this.other.id, "compare", { with: this.run.id }), { class: "small", title: "B is A, and A is B" }),
      button("Other run", () => this.context.setParams({ with: "", at: "" }, true), { class: "small" }),
      h("div", { class: "spacer" }),
      h("span", { class: "legend" }, differing
        ? counts.map((many, kind) => kind > 0 && many > 0 && h("span", null, h("i", { class: `kind-box is-${KIND_NAMES[kind]}` }), `${count(many)} ${MEANINGS[KIND_NAMES[kind] ?? ""]}`))
        : h("b", null, "The runs are the same but for times.")),
      differing > 0 && h("span", { class: "step-group" },
        button([icon("up"), "Previous"], () => this.stepDifference(-1), { class: "small", title: "Previous difference (N)" }),
        button([icon("down"), "Next"], () => this.stepDifference(1), { class: "small", title: "Next difference (n)" })),
    );
  }

  _heads() {
    return h("div", { class: "compare-heads", "aria-hidden": "true" }, h("span", null, side("A")), h("span"), h("span", null, side("B")));
  }

  _bindKeys() {
    const group = "Compare";
    this.context.bindKeys([
      { keys: "ArrowDown, j", label: "Next row", group, run: () => this.stepRow(1) },
      { keys: "ArrowUp, k", label: "Previous row", group, run: () => this.stepRow(-1) },
      { keys: "n", label: "Next difference", group, run: () => this.stepDifference(1) },
      { keys: "N", label: "Previous difference", group, run: () => this.stepDifference(-1) },
      { keys: "Home", label: "First divergence", group, run: () => this.select(this.aligned.first) },
    ]);
  }

  /** Begin at the row that the permalink names, or at the first difference. */
  _start() {
    const named = this._named(this.context.params().at ?? "");
    const row = named >= 0 ? named : this.aligned.first;
    if (row >= 0) this.select(row);
    else if (this.aligned.rowKinds.length) this.select(0);
  }

  /** @param {string} at `a:REF` or `b:REF` */
  _named(at) {
    if (!/^[ab]:/.test(at)) return -1;
    const place = at[0] === "a" ? 0 : 1;
    const event = (place ? this.other : this.run).find(at.slice(2));
    const { rows, rowKinds } = this.aligned;
    for (let row = 0; event >= 0 && row < rowKinds.length; row++) if (rows[2 * row + place] === event) return row;
    return -1;
  }

  _fold() {
    this.blocks = foldSame(this.aligned.rowKinds, { open: (first) => this.opened.has(first) });
    this.rows.show(this.blocks.length);
  }

  /** @param {number} row */
  select(row) {
    if (row < 0) return;
    this.selected = row;
    const { rows, rowKinds } = this.aligned;
    const [a, b] = [rows[2 * row] ?? -1, rows[2 * row + 1] ?? -1];
    let at = this._blockOf(row);
    const block = this.blocks[at];
    if (block?.kind === -1) {
      this.opened.add(block.first);
      this._fold();
      at = this._blockOf(row);
    } else this.rows.redraw();
    this.rows.reveal(at);
    this.map.select(row);
    void this.detail.show(a, b, rowKinds[row] ?? SAME, row === this.aligned.first);
    const at2 = a >= 0 ? `a:${this.run.reference(a)}` : `b:${this.other.reference(b)}`;
    this.context.setParams({ at: row === this.aligned.first ? "" : at2 });
  }

  /** @param {number} row */
  _blockOf(row) {
    let [low, high] = [0, this.blocks.length - 1];
    while (low < high) {
      const half = (low + high + 1) >> 1;
      if ((this.blocks[half]?.first ?? 0) <= row) low = half;
      else high = half - 1;
    }
    return low;
  }

  /** @param {1 | -1} direction */
  stepRow(direction) {
    const next = this.blocks[this._blockOf(this.selected) + direction];
    if (!next) return;
    this.select(direction > 0 ? next.first : next.first + next.count - 1);
  }

  /** @param {1 | -1} direction */
  stepDifference(direction) {
    const { rowKinds } = this.aligned;
    for (let row = this.selected + direction; row >= 0 && row < rowKinds.length; row += direction) {
      if (rowKinds[row] !== SAME) return this.select(row);
    }
    this.context.announce("No more differences.");
  }

  /** @param {EventTarget | null} target */
  _clicked(target) {
    const element = target instanceof Element ? target.closest("[data-first]") : null;
    const first = Number(element?.getAttribute("data-first") ?? -1);
    if (first >= 0) this.select(first);
  }

  /** @param {number} at */
  _row(at) {
    const block = this.blocks[at];
    if (!block) return h("div", { role: "row" });
    if (block.kind === -1) {
      return h("div", { role: "row", class: "compare-row is-folded", "data-first": String(block.first) },
        h("span", { role: "gridcell" }, `${plural(block.count, "event")} the same: show`));
    }
    const { rows } = this.aligned;
    const [a, b] = [rows[2 * block.first] ?? -1, rows[2 * block.first + 1] ?? -1];
    const isFirst = block.first === this.aligned.first;
    const kind = KIND_NAMES[block.kind] ?? "";
    const only = block.kind === ONLY ? (a >= 0 ? "only-a" : "only-b") : "";
    return h(
      "div",
      {
        role: "row", class: `compare-row is-${kind} ${only} ${isFirst ? "is-first" : ""} ${block.first === this.selected ? "is-selected" : ""}`,
        "data-first": String(block.first), "aria-selected": String(block.first === this.selected),
      },
      cell(this.run, a),
      h("span", { role: "gridcell", class: "compare-sign", title: MEANINGS[kind] },
        h("span", { "aria-hidden": "true" }, SIGNS[kind]), h("span", { class: "hidden-text" }, isFirst ? `first divergence: ${MEANINGS[kind]}` : MEANINGS[kind])),
      cell(this.other, b),
    );
  }

  destroy() {
    this.map.destroy();
    this.rows.destroy();
    this.detail.destroy();
  }
}

/** @type {Record<string, string>} */
const SIGNS = { same: "", order: "↕", commands: "≠", content: "≠", event: "·" };

/**
 * @param {RunData} run
 * @param {number} event
 */
function cell(run, event) {
  if (event < 0) return h("span", { role: "gridcell", class: "compare-cell is-none" });
  const happenings = happeningsOf(run);
  return h("span", { role: "gridcell", class: "compare-cell" },
    h("span", { class: "compare-number" }, count(event + 1)),
    h("i", { class: `dot hue-${happenings.hue(event)}` }),
    h("span", { class: "mono compare-ref" }, told(run.reference(event))),
    h("span", { class: "clip muted" }, told(happenings.words(event))));
}

/**
 * Wait until all of a run is here.
 * @param {import("../data/api.js").Api} api
 * @param {string} id
 * @param {(done: number) => void} onProgress
 * @returns {Promise<RunData>}
 */
async function wholeRun(api, id, onProgress) {
  /** @type {() => void} */
  let told = () => {};
  const run = await loadRun(api, id, () => told());
  await settled(run, (again) => (told = again), onProgress);
  return run;
}

/**
 * @param {RunData} run
 * @param {(again: () => void) => void} listen
 * @param {(done: number) => void} onProgress
 */
function settled(run, listen, onProgress) {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (run.problem) reject(run.problem);
      else if (run.complete) resolve(run);
      else onProgress(run.count);
    };
    listen(look);
    look();
  });
}

/**
 * A run's identities; made up of what the diff tells where the server has none.
 * @param {Context} context
 * @param {RunData} run
 * @param {0 | 1} place
 * @param {any} diff
 * @returns {Promise<Side>}
 */
async function sideOf(context, run, place, diff) {
  const agents = run.agents.map((agent) => agent.address);
  const [agent, step] = [run.events.column("agent"), run.events.column("step")];
  const rows = run.count;
  try {
    const columns = await identitiesOf(context, run);
    return { agent: agent.subarray(0, rows), agents, ...columns };
  } catch (error) {
    if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 422)) throw error;
    const sameUntil = new Map(diff.agents.map((/** @type {any} */ each) => [each.address, each.same_until]));
    const numbers = new Map(diff.agents.map((/** @type {any} */ each, /** @type {number} */ at) => [each.address, at]));
    return madeUp({ agent, step, agents, rows }, sameUntil, numbers, place);
  }
}

/**
 * @param {Context} context
 * @param {RunData} run
 */
async function identitiesOf(context, run) {
  const found = {
    identity: new Float64Array(run.count), content: new Float64Array(run.count), doings: new Float64Array(run.count),
  };
  for (let since = 0; since < run.count; ) {
    const { bytes } = await context.api.bytes(run.id, "identities", { since, limit: PAGE });
    const { header, columns } = decode(bytes);
    for (const name of /** @type {const} */ (["identity", "content", "doings"])) {
      found[name].set(/** @type {Float64Array} */ (columns[name]).subarray(0, run.count - since), since);
    }
    if (!header.rows) break;
    since += header.rows;
  }
  return found;
}

/** @type {import("../shell/views.js").View} */
export const view = {
  mount(root, context) {
    /** @type {Compare | null} */
    let compare = null;
    /** @type {RunData | null} */
    let other = null;
    let wanted = "";
    let told = () => {};
    let ended = false;
    const clear = () => {
      compare?.destroy();
      other?.close();
      compare = other = null;
    };
    const show = async () => {
      const id = context.params().with ?? "";
      wanted = id;
      clear();
      if (!id) return showPicker(root, context);
      const say = (/** @type {string} */ text) => fill(root, stateMessage("Aligning the runs", text, { kind: "busy" }));
      say("");
      const [diff] = await Promise.all([
        context.api.json("/api/diff", { a: context.run.id, b: id }),
        settled(context.run, (again) => (told = again), (done) => say(`${count(done)} events of the first run are here.`)),
        wholeRun(context.api, id, (done) => say(`${count(done)} events of the other run are here.`)).then((run) => (other = run)),
      ]);
      if (ended || wanted !== id || !other) return clear();
      const [one, two] = await Promise.all([sideOf(context, context.run, 0, diff), sideOf(context, other, 1, diff)]);
      if (ended || wanted !== id) return clear();
      compare = new Compare(root, context, other, { aligned: alignRuns(one, two), one, two, diff });
    };
    const guarded = () => show().catch((error) => {
      const text = error instanceof Error ? error.message : String(error);
      fill(root, stateMessage("The runs can't be compared", text, { kind: "failed", actions: [button("Choose another run", () => context.setParams({ with: "" }))] }));
    });
    void guarded();
    return {
      update(change) {
        if (change.run) told();
        if (change.theme) compare?.map.draw();
        if (change.params && (context.params().with ?? "") !== wanted) void guarded();
      },
      destroy() {
        ended = true;
        clear();
      },
    };
  },
};
