/**
 * The scrubber: all events of a run on one line, in the run order, with the cursor and what a
 * question has found. It is a range of the browser's own, drawn upon: keys and screen readers know it.
 */

import { h } from "../../shell/dom.js";
import { stripCells } from "../../logic/travel.js";

/** @typedef {import("../../data/run_data.js").RunData} RunData */

const HEIGHT = 64;
const TOP = 11;
const LANES_MAX = 16;
/** Colours of the kinds of events, in their order, and which one is seen where several fall together. */
const COLOURS = [
  "--kind-turn", "--kind-message", "--kind-tool", "--kind-failed", "--kind-http", "--kind-timer", "--warn", "--kind-open",
];
const RANKS = [2, 3, 4, 7, 1, 0, 6, 5];

export class Scrubber {
  /**
   * @param {RunData} run
   * @param {(row: number) => void} onMove
   */
  constructor(run, onMove) {
    this._run = run;
    this._cursor = 0;
    /** @type {number[]} */
    this._hits = [];
    /** @type {{columns: number, lanes: number, version: number, cells: Uint8Array} | null} */
    this._drawn = null;
    this._canvas = h("canvas", { "aria-hidden": "true" });
    this.input = h("input", {
      type: "range", min: "0", step: "1", "aria-label": "Event, in the run order",
      oninput: () => onMove(Number(this.input.value)),
    });
    this.element = h("div", { class: "scrubber" }, this._canvas, this.input);
    this._observer = new ResizeObserver(() => this.draw());
    this._observer.observe(this.element);
  }

  /**
   * @param {number} row
   * @param {string} words What the event is, for screen readers.
   */
  moveTo(row, words) {
    this._cursor = row;
    this.input.max = String(Math.max(this._run.count - 1, 0));
    this.input.value = String(row);
    this.input.setAttribute("aria-valuetext", words);
    this.draw();
  }

  /** @param {number[]} rows Events that a question has found. */
  mark(rows) {
    this._hits = rows;
    this.draw();
  }

  draw() {
    const width = this.element.clientWidth;
    const ratio = devicePixelRatio || 1;
    const canvas = this._canvas;
    if (!width) return;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(HEIGHT * ratio);
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.scale(ratio, ratio);
    const style = getComputedStyle(this.element);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name);
    this._drawEvents(context, width, colour);
    context.fillStyle = colour("--path");
    for (const row of this._hits) context.fillRect(this._x(row, width) - 1.5, HEIGHT - 6, 3, 6);
    const x = this._x(this._cursor, width);
    context.fillStyle = colour("--accent");
    context.fillRect(x - 1, 0, 2, HEIGHT);
    context.beginPath();
    context.moveTo(x - 6, 0);
    context.lineTo(x + 6, 0);
    context.lineTo(x, 8);
    context.fill();
  }

  /**
   * Draw who did what; what lies behind the cursor is bright.
   * @param {CanvasRenderingContext2D} context
   * @param {number} width
   * @param {(name: string) => string} colour
   */
  _drawEvents(context, width, colour) {
    const { columns, lanes, cells } = this._cells(width);
    const wide = width / columns;
    const high = (HEIGHT - TOP - 5) / lanes;
    const colours = COLOURS.map(colour);
    const seen = ((this._cursor + 1) / Math.max(this._run.count, 1)) * columns;
    for (let at = 0; at < cells.length; at++) {
      const kind = cells[at];
      if (!kind) continue;
      const column = Math.floor(at / lanes);
      context.globalAlpha = column < seen ? 1 : 0.28;
      context.fillStyle = colours[kind - 1];
      context.fillRect(column * wide, TOP + (at % lanes) * high, Math.max(wide - (wide > 4 ? 1.5 : 0), 1), Math.max(high - (high > 3 ? 1 : 0), 1));
    }
    context.globalAlpha = 1;
  }

  /** @param {number} width */
  _cells(width) {
    const columns = Math.max(1, Math.min(Math.floor(width / 2), this._run.count));
    const lanes = Math.max(1, Math.min(LANES_MAX, this._run.agents.length));
    const { version } = this._run;
    if (this._drawn?.columns !== columns || this._drawn.lanes !== lanes || this._drawn.version !== version) {
      this._drawn = { columns, lanes, version, cells: stripCells(this._run, columns, lanes, RANKS) };
    }
    return this._drawn;
  }

  /**
   * @param {number} row
   * @param {number} width
   */
  _x(row, width) {
    return ((row + 0.5) / Math.max(this._run.count, 1)) * width;
  }

  destroy() {
    this._observer.disconnect();
  }
}
