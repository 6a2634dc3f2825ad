/** The whole run in a strip: how much goes on at each time, and which part of it is shown below. */

import { KINDS } from "../../logic/bars.js";
import { activity } from "../../logic/activity.js";
import { h } from "../../shell/dom.js";

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("../../logic/viewport.js").Viewport} Viewport */
/** @typedef {import("./palette.js").Palette} Palette */

const EDGE = 6;

export class Minimap {
  /**
   * @param {Viewport} viewport
   * @param {() => void} onChange
   */
  constructor(viewport, onChange) {
    this.viewport = viewport;
    this.onChange = onChange;
    this.canvas = h("canvas", { class: "tl-minimap", "aria-hidden": "true" });
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    /** What does not change while the window moves. */
    this._still = h("canvas");
    /** @type {Scene | null} */
    this._scene = null;
    /** @type {Palette | null} */
    this._palette = null;
    this.canvas.addEventListener("pointerdown", (event) => this._drag(event));
    this.canvas.addEventListener("pointermove", (event) => this._hint(event));
  }

  /**
   * @param {Scene} scene
   * @param {Palette} palette
   * @param {number} event the selected one; -1 for none
   */
  paint(scene, palette, event) {
    const { context, canvas } = this;
    const [width, height] = [canvas.width, canvas.height];
    const ratio = devicePixelRatio;
    if (width === 0) return;
    if (this._scene !== scene || this._palette !== palette || this._still.width !== width || this._still.height !== height) {
      [this._scene, this._palette] = [scene, palette];
      [this._still.width, this._still.height] = [width, height];
      const still = /** @type {CanvasRenderingContext2D} */ (this._still.getContext("2d"));
      const columns = Math.ceil(width / ratio / 2);
      drawStacks(still, activity(scene.bars, scene.axis.total, columns), palette, width, height);
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    context.drawImage(this._still, 0, 0);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this._window(scene, palette, width / ratio, height / ratio, event);
  }

  /**
   * @param {Scene} scene
   * @param {Palette} palette
   * @param {number} width
   * @param {number} height
   * @param {number} event
   */
  _window(scene, palette, width, height, event) {
    const { context, viewport } = this;
    const x = (/** @type {number} */ place) => (place / scene.axis.total) * width;
    const [from, to] = [Math.max(0, x(viewport.from)), Math.min(width, x(viewport.to))];
    if (!viewport.isFit) {
      context.fillStyle = palette.sunk;
      context.globalAlpha = 0.74;
      context.fillRect(0, 0, from, height);
      context.fillRect(to, 0, width - to, height);
      context.globalAlpha = 1;
      context.strokeStyle = palette.accent;
      context.lineWidth = 1.5;
      context.strokeRect(from + 0.75, 0.75, Math.max(2, to - from - 1.5), height - 1.5);
    }
    if (event >= 0) {
      context.fillStyle = palette.accent;
      context.fillRect(x(scene.placeOf(event)) - 0.75, 0, 1.5, height);
    }
  }

  /** @param {PointerEvent} event */
  _hint(event) {
    const edge = this._edgeAt(event.offsetX);
    this.canvas.classList.toggle("at-edge", edge !== 0 && !this.viewport.isFit);
  }

  /**
   * @param {number} x
   * @returns {-1 | 0 | 1} left edge, none, right edge
   */
  _edgeAt(x) {
    const width = this.canvas.clientWidth;
    const at = (/** @type {number} */ place) => (place / this.viewport.total) * width;
    if (Math.abs(x - at(this.viewport.from)) < EDGE) return -1;
    return Math.abs(x - at(this.viewport.to)) < EDGE ? 1 : 0;
  }

  /** @param {PointerEvent} event */
  _drag(event) {
    const { canvas, viewport } = this;
    const place = (/** @type {number} */ x) => (x / canvas.clientWidth) * viewport.total;
    const edge = viewport.isFit ? 0 : this._edgeAt(event.offsetX);
    const [from, to] = [viewport.from, viewport.to];
    const start = place(event.offsetX);
    const inside = start >= from && start <= to && !viewport.isFit;
    canvas.setPointerCapture(event.pointerId);
    let moved = false;
    const move = (/** @type {PointerEvent} */ now) => {
      const at = place(now.offsetX);
      moved ||= Math.abs(now.offsetX - event.offsetX) > 3;
      if (!moved) return;
      if (edge < 0) viewport.show(Math.min(at, to), to);
      else if (edge > 0) viewport.show(from, Math.max(at, from));
      else if (inside) viewport.show(from + at - start, to + at - start);
      else viewport.show(Math.min(start, at), Math.max(start, at));
      this.onChange();
    };
    const up = () => {
      canvas.removeEventListener("pointermove", move);
      canvas.removeEventListener("pointerup", up);
      if (moved || viewport.isFit) return;
      viewport.show(start - (to - from) / 2, start + (to - from) / 2);
      this.onChange();
    };
    canvas.addEventListener("pointermove", move);
    canvas.addEventListener("pointerup", up);
  }
}

/**
 * How much goes on, by kind, and where something failed.
 * @param {CanvasRenderingContext2D} context
 * @param {ReturnType<typeof activity>} data
 * @param {Palette} palette
 * @param {number} width
 * @param {number} height
 */
function drawStacks(context, data, palette, width, height) {
  const step = width / data.columns;
  const top = 5 * devicePixelRatio;
  const scale = (height - top) / (data.highest || 1);
  for (let column = 0; column < data.columns; column++) {
    let y = height;
    for (let kind = 0; kind < KINDS.length; kind++) {
      const high = data.busy[kind * data.columns + column] * scale;
      if (high < 0.05) continue;
      context.fillStyle = palette.kindCss[kind];
      context.fillRect(Math.round(column * step), y - high, Math.round((column + 1) * step) - Math.round(column * step), high);
      y -= high;
    }
    if (data.failed[column]) {
      context.fillStyle = palette.kindCss[7];
      context.fillRect(column * step, 0, Math.max(2, step), 3 * devicePixelRatio);
    }
  }
}
