/** The timeline: who did what when, which messages led where, and what the end waited for. */

import { barOf, stepOf } from "../logic/bars.js";
import { Viewport } from "../logic/viewport.js";
import { fill, setVars, stateMessage } from "../shell/dom.js";
import { findCones } from "./timeline/arrows.js";
import { choicesOf, settingsOf } from "./timeline/choices.js";
import { sentence, tooltipFor } from "./timeline/describe.js";
import { attachGestures } from "./timeline/gestures.js";
import { makeDom } from "./timeline/dom.js";
import { Gutter } from "./timeline/gutter.js";
import { timelineKeys } from "./timeline/keys.js";
import { Minimap } from "./timeline/minimap.js";
import { Overlay } from "./timeline/overlay.js";
import { Painter } from "./timeline/painter.js";
import { Palette } from "./timeline/palette.js";
import { Ruler } from "./timeline/ruler.js";
import { Scene } from "./timeline/scene.js";
import { makeToolbar, showLegend, showSummary } from "./timeline/toolbar.js";

/** @typedef {import("../shell/context.js").Context} Context */

/** While a run is read, the scene is made anew at most this often. */
const REBUILD_MS = 700;
const SETTLE_MS = 350;

export class Timeline {
  /**
   * @param {HTMLElement} root
   * @param {Context} context
   */
  constructor(root, context) {
    this.context = context;
    this.palette = new Palette();
    this.choices = choicesOf(context.params());
    this.scene = new Scene(context.run, settingsOf(this.choices));
    this.viewport = new Viewport(this.scene.axis.total);
    this.bar = -1;
    this.hovered = -1;
    this.pointer = -1;
    /** @type {import("./timeline/arrows.js").Cones | null} */
    this.cones = null;
    /** @type {any} */
    this.path = null;
    /** @type {{ from: number, to: number } | null} */
    this.range = null;
    this._frame = 0;
    this._bars = true;
    this._builtAt = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._later = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._settling = undefined;
    this._abort = new AbortController();
    this._window = "";
    this.toolbar = makeToolbar({
      choose: (change) => this.context.setParams(change),
      zoom: (factor) => this.zoom(factor),
      fit: () => this.fit(),
    });
    this.minimap = new Minimap(this.viewport, () => this.moved());
    this.ruler = new Ruler();
    this.gutter = new Gutter((agent) => this.selectAgent(agent));
    this.dom = makeDom(root, {
      toolbar: this.toolbar.element, minimap: this.minimap.canvas, ruler: this.ruler.canvas,
      names: this.gutter.names, mirror: this.gutter.mirror,
    });
    this.painter = new Painter(this.dom.bars);
    this.overlay = new Overlay(this.dom.over);
    this.dom.body.addEventListener("scroll", () => this.redraw(true));
    this._watch = new ResizeObserver(() => this._resize());
    this._watch.observe(this.dom.body);
    this._attach();
    context.bindKeys(timelineKeys(this));
    this._linked = Boolean(context.params().window);
    this._restoreWindow();
    this.selected(true);
    this._choose();
  }

  _attach() {
    attachGestures(this.dom.surface, {
      viewport: this.viewport,
      onMove: () => this.moved(),
      onPoint: (x, y, event) => this._point(x, y, event),
      onClick: (x, y) => this.selectBar(this._barAt(x, y)),
      onDouble: (x, y) => this.zoomTo(this._barAt(x, y)),
      onScroll: (by) => void (this.dom.body.scrollTop += by),
      onRange: (from, to, done) => {
        this.range = done ? null : { from, to };
        if (done && from !== to) this.viewport.show(Math.min(from, to), Math.max(from, to));
        this.moved();
      },
    });
  }

  // --- what is shown ---

  /** Make the scene anew, now or soon: a run that is read grows many times a second. */
  grown() {
    clearTimeout(this._later);
    const wait = this.context.run.complete ? 0 : this._builtAt + REBUILD_MS - performance.now();
    if (wait > 0) this._later = setTimeout(() => this.rebuild(), wait);
    else this.rebuild();
  }

  rebuild() {
    const began = performance.now();
    this.scene = new Scene(this.context.run, settingsOf(this.choices));
    this._builtAt = performance.now() + (performance.now() - began) * 2;
    this.viewport.resize(this.scene.axis.total);
    this.hovered = -1;
    this._restoreWindow();
    this.selected(false);
    this._choose();
  }

  /** The permalink has changed: another axis, another order, another colour. */
  chosen() {
    const before = this.choices;
    this.choices = choicesOf(this.context.params());
    const { choices, scene } = this;
    if (before.path !== choices.path) void this._loadPath();
    if (["axis", "fold", "order", "lanes"].some((key) => before[key] !== choices[key])) {
      if (before.axis !== choices.axis || before.fold !== choices.fold) this._window = "";
      this.rebuild();
      if (this._window === "") this.viewport.fit();
    } else if (before.colour !== choices.colour) {
      scene.setColour(settingsOf(choices).colour);
    }
    this._choose();
  }

  _choose() {
    this.toolbar.show(/** @type {any} */ (this.choices));
    if (this.choices.path && !this.path) void this._loadPath();
    showLegend(this.dom.legend, this.scene, this.palette);
    this._tellSummary();
    const { order } = this.scene.lanes;
    this.dom.empty.hidden = order.length > 0 && this.scene.bars.count > 0;
    fill(this.dom.empty, stateMessage(...this._nothing()));
    this._resize();
  }

  /** @returns {[string, string]} */
  _nothing() {
    if (this.scene.lanes.order.length === 0 && this.choices.lanes) {
      return ["No such agent", `No agent's name contains “${this.choices.lanes}”.`];
    }
    if (!this.context.run.complete) return ["Reading the run", "Its first turns will appear here."];
    return ["Nothing has happened", "No turn and no effect is on record in this run."];
  }

  async _loadPath() {
    this.path = null;
    if (this.choices.path) {
      try {
        this.path = await this.context.api.ofRun(this.context.run.id, "critical-path", {}, { signal: this._abort.signal });
      } catch (error) {
        if (this._abort.signal.aborted) return;
        this.path = error;
      }
    }
    this._tellSummary();
    this.redraw(false);
  }

  _tellSummary() {
    showSummary(this.dom.summary, this.cones, this.path);
  }

  /**
   * Another event is selected, or its bar is another one now.
   * @param {boolean} reveal whether to bring it into view
   */
  selected(reveal) {
    const { run } = this.context;
    const event = this.context.selected();
    this.bar = barOf(run, this.scene.bars, event);
    this.cones = findCones(run, event);
    this._tellSummary();
    // A link that names a part of the run shows that, wherever its event is.
    if (event >= 0 && reveal && !this._linked) this._reveal(event);
    if (event >= 0) this._linked = false;
    this.redraw(false);
    this._settle();
  }

  /** @param {number} event */
  _reveal(event) {
    const { scene } = this;
    const place = scene.placeOf(event);
    const before = this.viewport.from;
    this.viewport.reveal(place, place);
    if (this.viewport.from !== before) this._bars = true;
    const lane = scene.laneOf.get(this.context.run.events.column("agent")[event]);
    if (lane === undefined) return;
    const [top, bottom] = [scene.laneTop[lane], scene.laneTop[lane + 1]];
    const { scrollTop, clientHeight } = this.dom.body;
    if (top < scrollTop) this.dom.body.scrollTop = top - 20;
    else if (bottom > scrollTop + clientHeight) this.dom.body.scrollTop = bottom - clientHeight + 20;
  }

  // --- going somewhere ---

  /** The window has moved: draw, and put it into the permalink when it rests. */
  moved() {
    this.redraw(true);
    this._settle();
  }

  _settle() {
    clearTimeout(this._settling);
    this._settling = setTimeout(() => {
      const { viewport, scene } = this;
      const round = (/** @type {number} */ place) => String(Math.round(place));
      this._window = viewport.isFit ? "" : `${round(viewport.from)}-${round(viewport.to)}`.replace(/^-/, "0");
      this.context.setParams({ window: this._window });
      this.gutter.tell(scene, viewport, this._agent(), (bar) => this.selectBar(bar));
    }, SETTLE_MS);
  }

  _restoreWindow() {
    const wanted = this.context.params().window ?? "";
    if (wanted === this._window) return;
    this._window = wanted;
    const [from, to] = wanted.split("-").map(Number);
    if (to > from) this.viewport.show(from, to);
  }

  /** @param {number} factor */
  zoom(factor) {
    const event = this.context.selected();
    const place = event >= 0 ? this.scene.placeOf(event) : -1;
    const inside = place > this.viewport.from && place < this.viewport.to;
    this.viewport.zoom(factor, inside ? place : undefined);
    this.moved();
  }

  fit() {
    this.viewport.fit();
    this.moved();
  }

  /** @param {number} bar */
  zoomTo(bar) {
    if (bar < 0) return;
    const [from, to] = [this.scene.bars.start[bar], this.scene.bars.end[bar]];
    const room = Math.max((to - from) * 0.3, this.viewport.span * 0.02);
    this.viewport.show(from - room, to + room);
    this.moved();
  }

  /** @param {number} bar -1 for none */
  selectBar(bar) {
    const { run } = this.context;
    if (bar < 0) {
      this.context.select(-1);
      return;
    }
    const event = run.rowOf(this.scene.bars.agent[bar], stepOf(run, this.scene.bars, bar));
    if (event < 0) this.context.announce("This event is still being read.");
    else {
      this.context.select(event);
      this.context.announce(sentence(this.scene, bar));
    }
  }

  /** Select an agent's first event in view. @param {number} agent */
  selectAgent(agent) {
    const { run } = this.context;
    const at = run.events.column("at");
    const from = this.scene.axis.time(Math.max(0, this.viewport.from));
    let found = run.rowOf(agent, 0);
    for (let step = 0; ; step++) {
      const row = run.rowOf(agent, step);
      if (row < 0) break;
      found = row;
      if (at[row] >= from) break;
    }
    this.context.select(found);
  }

  _agent() {
    const event = this.context.selected();
    return event < 0 ? -1 : this.context.run.events.column("agent")[event];
  }

  // --- the pointer ---

  /**
   * @param {number} x
   * @param {number} y
   */
  _barAt(x, y) {
    const track = this.scene.trackAt(y + this.dom.body.scrollTop);
    if (track < 0) return -1;
    const scale = this.viewport.span / this.dom.surface.clientWidth;
    return this.scene.pyramid.find(track, this.viewport.from + x * scale, 4 * scale);
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {PointerEvent | null} event
   */
  _point(x, y, event) {
    this.pointer = x;
    const bar = x < 0 || event?.buttons ? -1 : this._barAt(x, y);
    if (bar !== this.hovered) {
      this.hovered = bar;
      this.dom.tip.hidden = bar < 0;
      if (bar >= 0) fill(this.dom.tip, tooltipFor(this.scene, bar));
    }
    this.dom.surface.classList.toggle("on-bar", bar >= 0);
    if (bar >= 0 && event) {
      const [width, height] = [this.dom.tip.offsetWidth, this.dom.tip.offsetHeight];
      const left = event.clientX + 14 + width > innerWidth ? event.clientX - 14 - width : event.clientX + 14;
      const top = Math.min(event.clientY + 16, innerHeight - height - 8);
      setVars(this.dom.tip, { "--left": `${Math.max(4, left)}px`, "--top": `${top}px` });
    }
    this.redraw(false);
  }

  // --- drawing ---

  _resize() {
    setVars(this.dom.spacer, { "--lanes-height": `${Math.max(this.scene.height, 1)}px` });
    setVars(this.dom.stage, { "--stage-height": `${this.dom.body.clientHeight}px` });
    setVars(this.dom.root, { "--scrollbar": `${this.dom.body.offsetWidth - this.dom.body.clientWidth}px` });
    for (const canvas of [this.dom.bars, this.dom.over, this.minimap.canvas, this.ruler.canvas]) {
      const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((each) => Math.round(each * devicePixelRatio));
      if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    }
    this.redraw(true);
  }

  /** Draw with the next frame. @param {boolean} bars also what is below the overlay */
  redraw(bars) {
    this._bars ||= bars;
    this._frame ||= requestAnimationFrame(() => {
      this._frame = 0;
      this.draw();
    });
  }

  draw() {
    const { scene, viewport, palette, context } = this;
    const scroll = this.dom.body.scrollTop;
    const event = context.selected();
    if (this._bars) {
      this.painter.paint(scene, viewport, scroll, palette);
      this.minimap.paint(scene, palette, event);
      this.gutter.show(scene, scroll, this.dom.body.clientHeight, this._agent());
      this._bars = false;
    }
    this.ruler.paint(scene, viewport, palette, this.pointer);
    this.overlay.paint(scene, viewport, scroll, palette, {
      bar: this.bar, event, hovered: this.hovered, cones: this.cones, range: this.range,
      path: this.path instanceof Error ? null : (this.path?.segments ?? null),
    });
  }

  destroy() {
    this._abort.abort();
    this._watch.disconnect();
    cancelAnimationFrame(this._frame);
    clearTimeout(this._later);
    clearTimeout(this._settling);
  }
}

/** @type {import("../shell/views.js").View} */
export const view = {
  mount(root, context) {
    const timeline = new Timeline(root, context);
    return {
      update(change) {
        if (change.theme) {
          timeline.palette = new Palette();
          timeline.rebuild();
        }
        if (change.params) timeline.chosen();
        if (change.run) timeline.grown();
        if (change.selection) {
          timeline.selected(true);
          timeline.redraw(true);
        }
      },
      destroy: () => timeline.destroy(),
    };
  },
};
