/** The time axis above the lanes. */

import { duration } from "../../logic/format.js";
import { stepFor, tickLabel, ticks } from "../../logic/ticks.js";
import { h } from "../../shell/dom.js";

/** @typedef {import("./scene.js").Scene} Scene */

const APART = 88;
const FONT = "11px Inter, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif";

export class Ruler {
  constructor() {
    this.canvas = h("canvas", { class: "tl-ruler", "aria-hidden": "true" });
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
  }

  /**
   * @param {Scene} scene
   * @param {import("../../logic/viewport.js").Viewport} viewport
   * @param {import("./palette.js").Palette} palette
   * @param {number} pointer where the pointer is, in CSS pixels; -1 for nowhere
   */
  paint(scene, viewport, palette, pointer) {
    const { context, canvas } = this;
    const ratio = devicePixelRatio;
    const [width, height] = [canvas.width / ratio, canvas.height / ratio];
    if (width === 0) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = FONT;
    context.textBaseline = "middle";
    context.lineWidth = 1;
    for (const { x, label } of marks(scene, viewport, width)) {
      context.fillStyle = palette.borderStrong;
      context.fillRect(Math.round(x), height - 6, 1, 6);
      context.fillStyle = palette.text2;
      if (x + 4 + context.measureText(label).width < width) context.fillText(label, Math.round(x) + 4, height / 2);
    }
    if (pointer >= 0) this._pointer(scene, viewport, palette, pointer, width, height);
  }

  /**
   * @param {Scene} scene
   * @param {import("../../logic/viewport.js").Viewport} viewport
   * @param {import("./palette.js").Palette} palette
   * @param {number} x
   * @param {number} width
   * @param {number} height
   */
  _pointer(scene, viewport, palette, x, width, height) {
    const { context } = this;
    const place = viewport.from + (x / width) * viewport.span;
    const label = scene.axis.logical
      ? `event ${Math.max(0, Math.round(place))}`
      : duration(scene.axis.time(place), 5);
    const room = context.measureText(label).width + 12;
    const left = Math.max(0, Math.min(width - room, x - room / 2));
    context.fillStyle = palette.text;
    context.beginPath();
    context.roundRect(left, 3, room, height - 7, 4);
    context.fill();
    context.fillStyle = palette.raised;
    context.fillText(label, left + 6, height / 2 - 0.5);
  }
}

/**
 * @param {Scene} scene
 * @param {import("../../logic/viewport.js").Viewport} viewport
 * @param {number} width
 * @returns {{ x: number, label: string }[]}
 */
function marks(scene, viewport, width) {
  const { axis } = scene;
  const x = (/** @type {number} */ place) => ((place - viewport.from) / viewport.span) * width;
  const least = (viewport.span / width) * APART;
  if (axis.logical) {
    const step = Math.max(1, stepFor(least, false));
    return ticks(Math.max(0, viewport.from), viewport.to, step).map((at) => ({
      x: x(at), label: Math.round(at).toLocaleString("en-US"),
    }));
  }
  const step = stepFor(least, true);
  const [from, to] = [Math.max(0, axis.time(viewport.from)), axis.time(viewport.to)];
  if (!scene.fold) {
    return ticks(from, to, step).map((at) => ({ x: x(at), label: tickLabel(at, step) }));
  }
  return foldedMarks(scene, viewport, step, x);
}

/**
 * Marks between folds: none inside of one, and none too near to another.
 * @param {Scene} scene
 * @param {import("../../logic/viewport.js").Viewport} viewport
 * @param {number} step
 * @param {(place: number) => number} x
 */
function foldedMarks(scene, viewport, step, x) {
  const { axis } = scene;
  const gaps = scene.fold?.gaps ?? [];
  const found = [];
  let last = -Infinity;
  let from = 0;
  for (const gap of [...gaps, { from: scene.run.duration, to: Infinity }]) {
    const [low, high] = [Math.max(from, axis.time(viewport.from)), Math.min(gap.from, axis.time(viewport.to))];
    for (const at of high > low ? ticks(low, high, step) : []) {
      const place = x(axis.place(at));
      if (place - last < APART * 0.8) continue;
      found.push({ x: place, label: tickLabel(at, step) });
      last = place;
    }
    from = gap.to;
  }
  return found;
}
