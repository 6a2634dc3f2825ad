/**
 * Sequence view: a window of the run in logical time, with a lifeline for each agent in it.
 *
 * The window follows the selected event; rows follow causes and not clocks.
 */

import { button, fill, h, icon, setVars, stateMessage, told } from "../shell/dom.js";
import { count } from "../logic/format.js";
import { happeningsOf } from "../logic/happenings.js";
import { layoutSequence } from "../logic/sequence_layout.js";
import { drawSequence, GUTTER, laneX, rowY } from "./sequence/drawing.js";

/** @typedef {import("../shell/context.js").Context} Context */
/** @typedef {import("./sequence/drawing.js").Turn} Turn */

const SIZES = [40, 100, 200];
const LANE_MIN = 132;
const LANE_MAX = 300;
const FAILED = 2;

class Sequence {
  /**
   * @param {HTMLElement} root
   * @param {Context} context
   */
  constructor(root, context) {
    this.context = context;
    this.run = context.run;
    this.from = 0;
    this.gap = LANE_MIN;
    /** @type {number[]} */
    this.events = [];
    this.said = h("span", { class: "muted" });
    this.heads = h("div", { class: "sequence-heads" });
    this.drawing = h("div", { class: "sequence-drawing" });
    this.scroller = h("div", { class: "sequence-scroll", tabIndex: 0, role: "region", "aria-label": "Sequence diagram" }, this.heads, this.drawing);
    this.compact = button("Side by side", () => this._toggle(), {
      class: "small", title: "Let events that know nothing of each other share a row",
    });
    this.sizes = h("div", { class: "segments", role: "group", "aria-label": "Events in the window" },
      SIZES.map((size) => button(String(size), () => context.setParams({ size: size === SIZES[0] ? "" : String(size) }), {
        class: "small", "data-size": String(size), title: `${size} events at a time`,
      })));
    fill(root, this._bar(), this.scroller);
    this.drawing.addEventListener("click", (event) => this._clicked(event));
    this.drawing.addEventListener("pointermove", (event) => this._hover(this._eventAt(event.target)));
    this.drawing.addEventListener("pointerleave", () => this._hover(-1));
    this.unsubscribe = context.store.subscribe(["hovered"], () => this._mark());
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.scroller);
    this._bindKeys();
  }

  _bar() {
    return h(
      "div",
      { class: "toolbar" },
      button([icon("up"), "Earlier"], () => this.page(-1), { class: "small", title: "Earlier events (PageUp)" }),
      button([icon("down"), "Later"], () => this.page(1), { class: "small", title: "Later events (PageDown)" }),
      this.sizes,
      this.compact,
      this.said,
      h("div", { class: "spacer" }),
      h("span", { class: "legend" }, LEGEND.map(([names, words]) => h("span", null, h("i", { class: names }), words))),
    );
  }

  _bindKeys() {
    const group = "Sequence";
    this.context.bindKeys([
      { keys: "ArrowDown, j", label: "Next event", group, run: () => this.step(1) },
      { keys: "ArrowUp, k", label: "Previous event", group, run: () => this.step(-1) },
      { keys: "PageDown", label: "Later window", group, run: () => this.page(1) },
      { keys: "PageUp", label: "Earlier window", group, run: () => this.page(-1) },
      { keys: "c", label: "Rows of their own, or side by side", group, run: () => this._toggle() },
    ]);
  }

  get size() {
    const wanted = Number(this.context.params().size);
    return SIZES.includes(wanted) ? wanted : SIZES[0] ?? 40;
  }

  get isCompact() {
    return this.context.params().rows === "compact";
  }

  _toggle() {
    this.context.setParams({ rows: this.isCompact ? "" : "compact" });
  }

  /** @param {1 | -1} direction */
  step(direction) {
    const selected = this.context.selected();
    const next = selected < 0 ? this.from : selected + direction;
    if (next >= 0 && next < this.run.count) this.context.select(next);
  }

  /** @param {1 | -1} direction */
  page(direction) {
    const most = Math.max(this.run.count - this.size, 0);
    const from = Math.min(most, Math.max(0, this.from + direction * Math.floor(this.size * 0.8)));
    this.context.setParams({ from: String(from) });
  }

  /** Choose the window: as the permalink says, and so that the selected event is in it. */
  place() {
    const { size } = this;
    const selected = this.context.selected();
    const most = Math.max(this.run.count - size, 0);
    const named = Number(this.context.params().from || "NaN");
    const from = Number.isFinite(named) ? named : this.from;
    const moved = selected >= 0 && selected !== this.shownSelection && (selected < from || selected >= from + size);
    this.shownSelection = selected;
    this.from = Math.round(Math.min(most, Math.max(0, moved ? selected - size / 2 : from)));
    if (moved && Number.isFinite(named)) this.context.setParams({ from: String(this.from) });
  }

  draw() {
    const { run } = this;
    if (!run.count) {
      fill(this.drawing, stateMessage("No events yet", "As soon as the run has some, they are drawn here."));
      return;
    }
    const end = Math.min(this.from + this.size, run.count);
    this.events = Array.from({ length: end - this.from }, (_, place) => this.from + place);
    const happenings = happeningsOf(run);
    const layout = layoutSequence(this.events.map((event) => this._event(event)), {
      compact: this.isCompact, pinned: [run.address(run.events.column("agent")[0] ?? -1)],
    });
    const room = this.scroller.clientWidth - GUTTER - 20;
    const gap = this.gap = Math.min(LANE_MAX, Math.max(LANE_MIN, room / Math.max(layout.lanes.length, 1)));
    fill(this.heads, layout.lanes.map((lane, place) => this._head(lane, laneX(place, gap), gap)));
    setVars(this.heads, { "--width": `${GUTTER + layout.lanes.length * gap}px` });
    fill(this.drawing, drawSequence({ events: this.events, layout, happenings, turns: this._turns(layout), gap }));
    this.layout = layout;
    this._tell(end);
    this._mark();
  }

  /** @param {number} event */
  _event(event) {
    const { run } = this;
    const happenings = happeningsOf(run);
    const source = happenings.source(event);
    const outside = happenings.message(event) >= 0 && source < 0;
    const began = happenings.kind(event) === "started";  // its first message says who caused it
    return {
      number: event,
      lane: run.address(run.events.column("agent")[event] ?? -1),
      cause: began ? -1 : run.events.column("cause")[event] ?? -1,
      source: outside ? "outside" : source < 0 || began ? "" : run.address(source),
    };
  }

  /**
   * @param {string} lane
   * @param {number} x
   * @param {number} gap
   */
  _head(lane, x, gap) {
    const [type, key] = [lane.slice(0, lane.indexOf("/")), lane.slice(lane.indexOf("/") + 1)];
    const head = h("div", { class: "sequence-head", title: lane }, h("b", { class: "clip" }, told(type)), h("span", { class: "clip muted mono" }, told(key)));
    setVars(head, { "--x": `${x}px`, "--w": `${gap - 12}px` });
    return head;
  }

  /**
   * Turns that are open in the window.
   * @param {import("../logic/sequence_layout.js").SequenceLayout} layout
   * @returns {Turn[]}
   */
  _turns(layout) {
    const { run } = this;
    const { turns } = run;
    const laneOf = new Map(layout.lanes.map((lane, place) => [run.agentNumber(lane), place]));
    const rowOf = (/** @type {number} */ event) => {
      if (event < this.from) return -1;
      return layout.rows[event - this.from] ?? layout.height;
    };
    const [agent, first, last, outcome] = ["agent", "first_step", "last_step", "outcome"].map((name) => turns.column(name));
    /** @type {Turn[]} */
    const found = [];
    for (let row = 0; row < turns.rows; row++) {
      const lane = laneOf.get(agent?.[row] ?? -1);
      if (lane === undefined || !turns.column("turn")[row]) continue;
      const start = rowOf(run.rowOf(agent?.[row] ?? -1, first?.[row] ?? -1));
      const open = outcome?.[row] === 0;
      const end = open ? layout.height : rowOf(run.rowOf(agent?.[row] ?? -1, last?.[row] ?? -1));
      if (end < 0 || start >= layout.height) continue;
      found.push({ lane, start, end, depth: 0, failed: outcome?.[row] === FAILED });
    }
    return nested(found);
  }

  /** @param {number} end */
  _tell(end) {
    const { run } = this;
    fill(this.said, `events ${count(this.from + 1)}–${count(end)} of ${count(run.count)}, ${count(this.layout?.lanes.length ?? 0)} agents`);
    this.compact.setAttribute("aria-pressed", String(this.isCompact));
    for (const each of this.sizes.querySelectorAll("button")) {
      each.setAttribute("aria-pressed", String(Number(each.dataset.size) === this.size));
    }
  }

  /** Mark what is selected and what is under the pointer. */
  _mark() {
    const selected = this.context.selected();
    const hovered = this.context.store.get("hovered");
    for (const element of this.drawing.querySelectorAll("[data-event], [data-arrow], [data-dot]")) {
      const { event, arrow, dot } = /** @type {SVGElement} */ (element).dataset;
      const number = Number(event ?? arrow ?? dot);
      element.classList.toggle("is-selected", number === selected);
      element.classList.toggle("is-hovered", number === hovered);
    }
  }

  /** Bring the selected event into sight. */
  reveal() {
    const place = this.context.selected() - this.from;
    const row = this.layout?.rows[place];
    if (row === undefined) return;
    const y = rowY(row);
    const { scrollTop, clientHeight, scrollLeft, clientWidth } = this.scroller;
    const agent = this.run.address(this.run.events.column("agent")[this.context.selected()] ?? -1);
    const x = laneX(this.layout?.lanes.indexOf(agent) ?? 0, this.gap);
    if (x < scrollLeft + this.gap / 2 || x > scrollLeft + clientWidth - this.gap) this.scroller.scrollLeft = x - clientWidth / 2;
    if (y < scrollTop + 40 || y > scrollTop + clientHeight - 90) {
      this.scroller.scrollTop = y - clientHeight / 2;
    }
  }

  /** @param {EventTarget | null} target */
  _eventAt(target) {
    const found = target instanceof Element ? target.closest("[data-event], [data-arrow], [data-dot]") : null;
    const { event, arrow, dot } = /** @type {SVGElement | null} */ (found)?.dataset ?? {};
    return Number(event ?? arrow ?? dot ?? -1);
  }

  /** @param {MouseEvent} event */
  _clicked(event) {
    const found = this._eventAt(event.target);
    if (found >= 0) this.context.select(found);
  }

  /** @param {number} event */
  _hover(event) {
    this.context.store.set({ hovered: event });
  }

  destroy() {
    this.unsubscribe();
    this.observer.disconnect();
    this.context.store.set({ hovered: -1 });
  }
}

/** @type {[string, string][]} */
const LEGEND = [
  ["key-turn", "turn"], ["key-message", "message"], ["key-answer", "answer"],
  ["key-model", "model"], ["key-tool", "tool"], ["key-failed", "failed"],
];

/**
 * Give turns that are open at the same time on one lifeline places beside each other.
 * @param {Turn[]} turns
 * @returns {Turn[]}
 */
function nested(turns) {
  turns.sort((a, b) => a.lane - b.lane || a.start - b.start || b.end - a.end);
  /** @type {number[]} */
  let ends = [];
  let lane = -1;
  for (const turn of turns) {
    if (turn.lane !== lane) [ends, lane] = [[], turn.lane];
    let depth = 0;
    while (depth < ends.length && (ends[depth] ?? -1) > turn.start) depth++;
    ends[depth] = turn.end;
    turn.depth = Math.min(depth, 3);
  }
  return turns;
}

/** @type {import("../shell/views.js").View} */
export const view = {
  mount(root, context) {
    const sequence = new Sequence(root, context);
    const show = () => {
      sequence.place();
      sequence.draw();
      sequence.reveal();
    };
    show();
    return {
      update(change) {
        if (change.run || change.selection || change.params) show();
      },
      destroy: () => sequence.destroy(),
    };
  },
};
