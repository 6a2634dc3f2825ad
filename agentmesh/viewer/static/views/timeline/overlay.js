/** What is drawn above the bars: folds, cones, arrows, the critical path, what is selected or under the pointer. */

import { NEVER } from "../../logic/cones.js";
import { duration } from "../../logic/format.js";

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("../../logic/viewport.js").Viewport} Viewport */
/** @typedef {import("./palette.js").Palette} Palette */
/** @typedef {import("./arrows.js").Cones} Cones */

/**
 * @typedef {object} Shown
 * @property {number} bar The selected bar; -1 for none.
 * @property {number} event The selected event; -1 for none.
 * @property {number} hovered The bar under the pointer; -1 for none.
 * @property {Cones | null} cones
 * @property {any[] | null} path Segments of the critical path.
 * @property {{ from: number, to: number } | null} range What is being marked with the pointer, in places.
 */

const FONT = "11px Inter, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif";

export class Overlay {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    // What follows is given with each call of `paint`.
    /** @type {Scene} */
    this.scene = /** @type {any} */ (null);
    /** @type {Palette} */
    this.palette = /** @type {any} */ (null);
    this.scroll = 0;
    this.width = 0;
    this.height = 0;
    this.from = 0;
    this.scale = 1;
    /** Whether nothing is drawn. */
    this._empty = false;
    /** Heights of the events at the ends of arrows, and what they were found for. @type {Map<number, number>} */
    this.middles = new Map();
    /** @type {[Cones | null, Scene | null]} */
    this._learnt = [null, null];
    /** @type {Map<number, number>} */
    this.pathMiddles = new Map();
    /** @type {[any[] | null, Scene | null]} */
    this._pathLearnt = [null, null];
  }

  /** Find where arrows begin and end, once for each selection. @param {Cones} cones */
  _learn(cones) {
    if (this._learnt[0] === cones && this._learnt[1] === this.scene) return;
    this._learnt = [cones, this.scene];
    this.middles = this.scene.middlesOf(new Set(cones.arrows.flatMap((each) => [each.sent, each.arrived])));
  }

  /**
   * @param {Scene} scene
   * @param {Viewport} viewport
   * @param {number} scroll
   * @param {Palette} palette
   * @param {Shown} shown
   */
  paint(scene, viewport, scroll, palette, shown) {
    const { context, canvas } = this;
    const ratio = devicePixelRatio;
    this.width = canvas.width / ratio;
    this.height = canvas.height / ratio;
    this.scene = scene;
    this.scroll = scroll;
    this.palette = palette;
    this.from = viewport.from;
    this.scale = this.width / viewport.span;
    const empty = !scene.fold && !shown.cones && !shown.path && !shown.range && shown.event < 0 && shown.hovered < 0;
    if (empty && this._empty) return; // a canvas that is touched is put on the screen anew
    this._empty = empty;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    this._folds();
    if (shown.cones) {
      this._learn(shown.cones);
      this._cones(shown.cones);
    }
    if (shown.path) this._path(shown.path);
    if (shown.event >= 0) this._cursor(shown.event, shown.bar);
    if (shown.hovered >= 0 && shown.hovered !== shown.bar) this._outline(shown.hovered, palette.text2, 1.5);
    if (shown.bar >= 0) this._outline(shown.bar, palette.text, 2);
    if (shown.range) this._range(shown.range);
  }

  /** Where idle time was folded: a stripe that says how long it was. */
  _folds() {
    const { scene, context, palette } = this;
    if (!scene.fold) return;
    context.font = FONT;
    context.textAlign = "center";
    for (const gap of scene.fold.gaps) {
      const [from, to] = [this._x(scene.axis.place(gap.from)), this._x(scene.axis.place(gap.to))];
      if (to < 0 || from > this.width) continue;
      context.fillStyle = palette.sunk;
      context.globalAlpha = 0.85;
      context.fillRect(from, 0, Math.max(1, to - from), this.height);
      context.globalAlpha = 1;
      context.strokeStyle = palette.borderStrong;
      context.lineWidth = 1;
      context.setLineDash([3, 3]);
      line(context, Math.round(from) + 0.5, 0, Math.round(from) + 0.5, this.height);
      line(context, Math.round(to) + 0.5, 0, Math.round(to) + 0.5, this.height);
      context.setLineDash([]);
      if (to - from < 14) continue;
      context.save();
      context.translate((from + to) / 2, Math.min(this.height, 400) / 2);
      context.rotate(-Math.PI / 2);
      context.fillStyle = palette.text3;
      context.textBaseline = "middle";
      context.fillText(`${duration(gap.to - gap.from, 2)} idle`, 0, 0);
      context.restore();
    }
    context.textAlign = "left";
  }

  /** @param {Cones} cones */
  _cones(cones) {
    const { scene, context, palette } = this;
    const { order } = scene.lanes;
    context.fillStyle = palette.sunk;
    for (let lane = 0; lane < order.length; lane++) {
      const y = scene.laneTop[lane] - this.scroll;
      const high = scene.laneTop[lane + 1] - scene.laneTop[lane];
      if (y > this.height || y + high < 0) continue;
      const agent = order[lane];
      const last = cones.past[agent];
      const next = cones.future[agent];
      const from = last < 0 ? -10 : this._x(scene.placeOf(scene.run.rowOf(agent, last)));
      const to = next === NEVER ? this.width + 10 : this._x(scene.placeOf(scene.run.rowOf(agent, next)));
      if (to - from < 2) continue;
      context.globalAlpha = 0.72;
      context.fillRect(from + 1, y, to - from - 2, high - 1);
    }
    context.globalAlpha = 1;
    const crowd = cones.arrows.length;
    const direct = cones.arrows.reduce((sum, each) => sum + Number(each.isDirect), 0);
    const alphas = [Math.max(0.1, Math.min(0.38, 40 / crowd)), Math.max(0.3, Math.min(1, 60 / direct))];
    for (let at = crowd - 1; at >= 0; at--) this._arrow(cones.arrows[at], alphas, crowd < 150);
  }

  /**
   * @param {import("./arrows.js").Arrow} arrow
   * @param {number[]} alphas of arrows beside the straight line of causes, and of those in it
   * @param {boolean} heads whether the first have heads
   */
  _arrow(arrow, alphas, heads) {
    const { scene, context, palette } = this;
    const yFrom = this.middles.get(arrow.sent) ?? -1;
    const yTo = this.middles.get(arrow.arrived) ?? -1;
    if (yFrom < 0 || yTo < 0) return;
    const [x1, x2] = [this._x(scene.placeOf(arrow.sent)), this._x(scene.placeOf(arrow.arrived))];
    const [y1, y2] = [yFrom - this.scroll, yTo - this.scroll];
    const height = this.height;
    if (Math.max(x1, x2) < -20 || Math.min(x1, x2) > this.width + 20) return;
    if (Math.max(y1, y2) < -20 || Math.min(y1, y2) > height + 20) return;
    context.strokeStyle = context.fillStyle = arrow.isPast ? palette.past : palette.future;
    context.globalAlpha = alphas[Number(arrow.isDirect)];
    context.lineWidth = arrow.isDirect ? 1.75 : 1;
    const bend = Math.min(60, Math.abs(x2 - x1) / 2);
    context.beginPath();
    context.moveTo(x1, y1);
    context.bezierCurveTo(x1 + bend, y1, x2 - bend, y2, x2, y2);
    context.stroke();
    if (heads || arrow.isDirect) this._head(x2, y2, bend > 6 ? 0 : Math.atan2(y2 - y1, x2 - x1));
    context.globalAlpha = 1;
  }

  /**
   * An arrow's head.
   * @param {number} x
   * @param {number} y
   * @param {number} angle
   */
  _head(x, y, angle) {
    const { context } = this;
    context.save();
    context.translate(x, y);
    context.rotate(angle);
    context.beginPath();
    context.moveTo(1, 0);
    context.lineTo(-6.5, -3.5);
    context.lineTo(-6.5, 3.5);
    context.fill();
    context.restore();
  }

  /** @param {any[]} path */
  _path(path) {
    const { scene, context, palette, scroll } = this;
    if (this._pathLearnt[0] !== path || this._pathLearnt[1] !== scene) {
      this._pathLearnt = [path, scene];
      this.pathMiddles = scene.middlesOf(new Set(path.flatMap((each) => [each.from_row, each.to_row])), true);
    }
    context.strokeStyle = palette.path;
    context.lineJoin = "round";
    context.lineWidth = 2.5;
    context.beginPath();
    for (const part of path) {
      const places = scene.axis.logical
        ? [part.from_row, part.to_row]
        : [scene.axis.place(part.from_ns), scene.axis.place(part.to_ns)];
      const y1 = (this.pathMiddles.get(part.from_row) ?? -1) - scroll;
      const y2 = (this.pathMiddles.get(part.to_row) ?? -1) - scroll;
      if (y1 + scroll < 0 || y2 + scroll < 0) continue;
      const [x1, x2] = [this._x(places[0]), this._x(places[1])];
      if (x2 < -20 || x1 > this.width + 20) continue;
      context.moveTo(x1, y1);
      // What an agent waits for itself runs along its bar; a message goes straight.
      if (part.agent_index === part.from_agent_index) context.lineTo(x1, y2);
      context.lineTo(x2, y2);
    }
    context.stroke();
  }

  /**
   * A line through all lanes at the selected event.
   * @param {number} event
   * @param {number} bar that it belongs to; -1 for none
   */
  _cursor(event, bar) {
    const { scene, context, palette } = this;
    const x = Math.round(this._x(scene.placeOf(event))) + 0.5;
    context.strokeStyle = palette.accent;
    context.lineWidth = 1;
    line(context, x, 0, x, this.height);
    const middle = bar >= 0 ? scene.heightOf(bar) : scene.middleOf(scene.run.events.column("agent")[event]);
    if (middle < 0) return;
    context.fillStyle = palette.accent;
    context.beginPath();
    context.arc(x, middle - this.scroll, 4, 0, 7);
    context.fill();
  }

  /**
   * @param {number} bar
   * @param {string} colour
   * @param {number} width
   */
  _outline(bar, colour, width) {
    const { scene, context } = this;
    const place = boxOf(scene, bar);
    if (!place) return;
    const [from, to] = [this._x(place.from), this._x(place.to)];
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    const left = Math.max(from, -20);
    const right = Math.min(Math.max(to, from + 2), this.width + 20);
    context.roundRect(left - 1, place.top - this.scroll - 1, right - left + 1, place.height + 2, 3.5);
    context.stroke();
  }

  /** @param {{ from: number, to: number }} range */
  _range(range) {
    const { context, palette } = this;
    const [from, to] = [this._x(Math.min(range.from, range.to)), this._x(Math.max(range.from, range.to))];
    context.fillStyle = palette.accent;
    context.globalAlpha = 0.16;
    context.fillRect(from, 0, to - from, this.height);
    context.globalAlpha = 1;
  }

  /** @param {number} place */
  _x(place) {
    return (place - this.from) * this.scale;
  }
}

/**
 * Where a bar is, in places and CSS pixels.
 * @param {Scene} scene
 * @param {number} bar
 */
export function boxOf(scene, bar) {
  const lane = scene.laneOf.get(scene.bars.agent[bar]);
  if (lane === undefined) return null;
  const { laneFirst } = scene.lanes;
  const [from, to] = [scene.bars.start[bar], scene.bars.end[bar]];
  for (let track = laneFirst[lane]; track < laneFirst[lane + 1]; track++) {
    let found = false;
    scene.pyramid.visit(track, from, from, 0, (_start, _end, _busy, one) => (found ||= one === bar));
    if (found) {
      return {
        from, to, lane, track,
        top: scene.trackTop[track],
        height: scene.trackHeight[track],
      };
    }
  }
  return null;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x1
 * @param {number} y1
 * @param {number} x2
 * @param {number} y2
 */
function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}
