/** The map of a comparison: two strips for each agent over the aligned events, coloured where they differ. */

import { button, fill, h, told } from "../../shell/dom.js";
import { strips } from "../../logic/compare_map.js";
import { plural } from "../../logic/format.js";

/** @typedef {import("../../logic/alignment.js").Aligned} Aligned */
/** @typedef {import("../../logic/compare_map.js").Lane} Lane */

const LANE = 18;
const STRIP = 6;
const LANES_MAX = 10;
/** By kind: nothing, same, moved, did something else, another content, in one run only. */
const COLOURS = ["", "--border-strong", "--info", "--kind-model", "--kind-http", "--kind-failed"];

export class CompareMap {
  /** @param {(row: number) => void} onPick */
  constructor(onPick) {
    this._onPick = onPick;
    /** @type {{aligned: Aligned, lanes: Lane[], laneOfRow: Uint32Array} | null} */
    this._shown = null;
    this._lanesMax = LANES_MAX;
    this._selected = -1;
    this._names = h("div", { class: "map-names" });
    this._canvas = h("canvas", { role: "img", "aria-label": "Where the runs differ" });
    this._rest = h("div", { class: "map-rest" });
    this._place = h("div", { class: "map-canvas" }, this._canvas);
    this.element = h("div", { class: "compare-map" }, h("div", { class: "map-lanes" }, this._names, this._place), this._rest);
    this._canvas.addEventListener("click", (event) => this._clicked(event));
    this._observer = new ResizeObserver(() => this.draw());
    this._observer.observe(this._place);
  }

  /**
   * @param {Aligned} aligned
   * @param {Lane[]} lanes
   * @param {Uint32Array} laneOfRow
   */
  show(aligned, lanes, laneOfRow) {
    this._shown = { aligned, lanes, laneOfRow };
    this._tell();
    this.draw();
  }

  /** @param {number} row */
  select(row) {
    this._selected = row;
    this.draw();
  }

  _tell() {
    const lanes = this._shown?.lanes ?? [];
    const some = lanes.slice(0, this._count());
    fill(this._names, some.map((lane) => h("div", { class: `map-name mono clip ${lane.differing ? "" : "faint"}`, title: lane.address }, told(lane.address))));
    const hidden = lanes.slice(some.length);
    const same = hidden.filter((lane) => !lane.differing).length;
    fill(this._rest, hidden.length > 0 && [
      h("span", { class: "faint" }, `${plural(hidden.length, "more agent")}${same === hidden.length ? ", the same in both" : same ? `, ${same} of them the same in both` : ""}`),
      button("Show all", () => {
        this._lanesMax = Infinity;
        this._tell();
        this.draw();
      }, { class: "link" }),
    ]);
  }

  _count() {
    const lanes = this._shown?.lanes ?? [];
    return Math.min(lanes.length, this._lanesMax);
  }

  draw() {
    const width = this._place.clientWidth;
    if (!this._shown || !width) return;
    const { aligned, laneOfRow } = this._shown;
    const lanes = this._count();
    const ratio = devicePixelRatio || 1;
    const height = lanes * LANE;
    this._canvas.width = Math.round(width * ratio);
    this._canvas.height = Math.round(height * ratio);
    this._canvas.style.height = `${height}px`;
    const context = /** @type {CanvasRenderingContext2D} */ (this._canvas.getContext("2d"));
    context.scale(ratio, ratio);
    const style = getComputedStyle(this.element);
    const bars = Math.max(1, Math.min(width, aligned.rowKinds.length));
    const wide = width / bars;
    const found = strips(aligned, laneOfRow, lanes, bars);
    for (let strip = 0; strip < lanes * 2; strip++) {
      const y = (strip >> 1) * LANE + 3 + (strip & 1) * (STRIP + 1);
      for (let x = 0; x < bars; x++) {
        const colour = COLOURS[found[strip * bars + x] ?? 0];
        if (!colour) continue;
        context.fillStyle = style.getPropertyValue(colour);
        context.fillRect(x * wide, y, Math.max(wide - (wide > 3 ? 1 : 0), 0.8), STRIP);
      }
    }
    this._line(context, aligned.first, style.getPropertyValue("--path"), height, width);
    this._line(context, this._selected, style.getPropertyValue("--accent"), height, width);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} row
   * @param {string} colour
   * @param {number} height
   * @param {number} width
   */
  _line(context, row, colour, height, width) {
    if (row < 0 || !this._shown) return;
    context.fillStyle = colour;
    context.fillRect(((row + 0.5) / this._shown.aligned.rowKinds.length) * width - 1, 0, 2, height);
  }

  /** @param {MouseEvent} event */
  _clicked(event) {
    if (!this._shown) return;
    const box = this._canvas.getBoundingClientRect();
    const rows = this._shown.aligned.rowKinds.length;
    this._onPick(Math.min(rows - 1, Math.floor(((event.clientX - box.left) / box.width) * rows)));
  }

  destroy() {
    this._observer.disconnect();
  }
}
