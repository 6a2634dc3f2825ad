/** Draws the bars of the lanes that are in view: narrow ones as pixels, wide ones with edges and names. */

import { EFFECT_KINDS } from "../../data/run_data.js";
import { isBad } from "../../logic/bars.js";
import { effectName } from "../../logic/format.js";
import { fillLine, makeLine, putLine } from "../../logic/raster.js";
import { visible } from "../../logic/text.js";

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("../../logic/viewport.js").Viewport} Viewport */
/** @typedef {import("./palette.js").Palette} Palette */

const LABEL_FROM = 30;
const FACES = "Inter, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif";
/** For turns, and for the lower bars of effects. */
const FONTS = [`11px ${FACES}`, `10px ${FACES}`];
const LOW_BAR = 15;
const ELLIPSIS = 9;
const SMALL_BAR = 10;

export class Painter {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: true }));
    /** By font and text. @type {Map<string, Map<string, number>>} */
    this._widths = new Map();
    /** @type {ImageData | null} */
    this._image = null;
    this._line = makeLine(1);
  }

  /**
   * @param {Scene} scene
   * @param {Viewport} viewport
   * @param {number} scroll how far the lanes are scrolled, in CSS pixels
   * @param {Palette} palette
   */
  paint(scene, viewport, scroll, palette) {
    const { canvas, context } = this;
    const ratio = devicePixelRatio;
    const [width, height] = [canvas.width, canvas.height];
    if (width === 0 || height === 0) return;
    const scale = width / viewport.span;
    const first = Math.max(0, scene.laneAt(scroll));
    const last = scene.laneAt(Math.min(scroll + height / ratio, scene.height - 1));
    /** @type {{ bar: number, left: number, right: number, y: number, height: number }[]} */
    const wide = [];
    const pixels = this._pixels(width, height);
    let any = false;
    const colour = colouring(scene, palette);
    for (let lane = first; lane <= last; lane++) {
      for (let track = scene.lanes.laneFirst[lane]; track < scene.lanes.laneFirst[lane + 1]; track++) {
        const y = Math.round((scene.trackTop[track] - scroll) * ratio);
        const high = Math.round(scene.trackHeight[track] * ratio);
        const found = fillLine(this._line, scene.pyramid, track, viewport.from, scale, colour.pixel,
          (bar, left, right) => void wide.push({ bar, left, right, y, height: high }), colour.urgent);
        if (!found) continue;
        if (!any) pixels.fill(0);
        any = true;
        putLine(pixels, width, y, high, height, this._line, palette.ground);
      }
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    if (any && this._image) context.putImageData(this._image, 0, 0);
    else context.clearRect(0, 0, width, height);
    this._lanes(scene, scroll, first, last, palette);
    this._waits(scene, wide, viewport.from, scale, palette);
    this._wide(wide, colour, ratio);
    this._labels(scene, wide, colour, ratio);
  }

  /**
   * @param {number} width
   * @param {number} height
   */
  _pixels(width, height) {
    if (this._image?.width !== width || this._image.height !== height) {
      this._image = this.context.createImageData(width, height);
      this._line = makeLine(width);
    }
    return new Uint32Array(this._image.data.buffer);
  }

  /**
   * The lines between lanes.
   * @param {Scene} scene
   * @param {number} scroll
   * @param {number} first
   * @param {number} last
   * @param {Palette} palette
   */
  _lanes(scene, scroll, first, last, palette) {
    const ratio = devicePixelRatio;
    this.context.fillStyle = palette.border;
    for (let lane = first; lane <= last; lane++) {
      const y = Math.round((scene.laneTop[lane + 1] - scroll) * ratio) - 1;
      this.context.fillRect(0, y, this.canvas.width, 1);
    }
  }

  /**
   * How long a turn's message waited in the mailbox: a thin line before the bar.
   * @param {Scene} scene
   * @param {{ bar: number, left: number, y: number, height: number }[]} wide
   * @param {number} from
   * @param {number} scale
   * @param {Palette} palette
   */
  _waits(scene, wide, from, scale, palette) {
    if (scene.axis.logical) return;
    const delivered = scene.run.turns.column("delivered");
    this.context.fillStyle = palette.borderStrong;
    for (const { bar, left, y, height } of wide) {
      if (!scene.bars.isTurn(bar) || Number.isNaN(delivered[bar])) continue;
      const begin = (scene.axis.place(delivered[bar]) - from) * scale;
      if (left - begin < 2) continue;
      const middle = Math.round(y + height / 2);
      this.context.fillRect(begin, middle - 1, left - begin, 2);
      this.context.fillRect(begin, middle - 4, 1.5, 8);
    }
  }

  /**
   * @param {{ bar: number, left: number, right: number, y: number, height: number }[]} wide
   * @param {ReturnType<typeof colouring>} colour
   * @param {number} ratio
   */
  _wide(wide, colour, ratio) {
    const { context, canvas } = this;
    let style = "";
    for (const { bar, left, right, y, height } of wide) {
      const wanted = colour.css(bar);
      if (wanted !== style) context.fillStyle = style = wanted;
      const [from, to] = [Math.max(left, -10), Math.min(right, canvas.width + 10)];
      if (to - from < 9 * ratio) context.fillRect(from, y, to - from - Math.min(1, (to - from) / 5), height);
      else {
        context.beginPath();
        context.roundRect(from, y, to - from - 1, height, 3 * ratio);
        context.fill();
      }
    }
  }

  /**
   * @param {Scene} scene
   * @param {{ bar: number, left: number, right: number, y: number, height: number }[]} wide
   * @param {ReturnType<typeof colouring>} colour
   * @param {number} ratio
   */
  _labels(scene, wide, colour, ratio) {
    const { context, canvas } = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.textBaseline = "middle";
    let font = "";
    for (const { bar, left, right, y, height } of wide) {
      const from = Math.max(left, 0) / ratio;
      const room = Math.min(right, canvas.width) / ratio - from - 11;
      if (room < LABEL_FROM - 10 || height / ratio < SMALL_BAR) continue;
      const wanted = FONTS[height / ratio < LOW_BAR ? 1 : 0];
      if (wanted !== font) context.font = font = wanted;
      const label = this._fitted(labelOf(scene, bar), room, font);
      if (!label) continue;
      context.fillStyle = colour.ink(bar);
      context.fillText(label, from + 6, y / ratio + height / ratio / 2 + 0.5);
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
  }

  /**
   * @param {string} label
   * @param {number} room
   * @param {string} font
   */
  _fitted(label, room, font) {
    const width = this._width(label, font);
    if (width <= room) return label;
    const keep = Math.floor(((room - ELLIPSIS) / width) * label.length);
    return keep < 2 ? "" : `${label.slice(0, keep)}…`;
  }

  /**
   * @param {string} label
   * @param {string} font that the context has now
   */
  _width(label, font) {
    const widths = this._widths.get(font) ?? new Map();
    this._widths.set(font, widths);
    let width = widths.get(label);
    if (width === undefined) {
      width = this.context.measureText(label).width;
      widths.set(label, width);
    }
    return width;
  }
}

/**
 * @param {Scene} scene
 * @param {Palette} palette
 */
function colouring(scene, palette) {
  const { bars, heat } = scene;
  if (heat) {
    return {
      urgent: undefined,
      pixel: (/** @type {number} */ bar) => palette.heat[heat.steps[bar]],
      css: (/** @type {number} */ bar) => palette.heatCss[heat.steps[bar]],
      ink: (/** @type {number} */ bar) => palette.heatInk[heat.steps[bar]],
    };
  }
  return {
    urgent: (/** @type {number} */ bar) => isBad(bars.kind[bar]),
    pixel: (/** @type {number} */ bar) => palette.kinds[bars.kind[bar]],
    css: (/** @type {number} */ bar) => palette.kindCss[bars.kind[bar]],
    ink: (/** @type {number} */ bar) => palette.kindInk[bars.kind[bar]],
  };
}

/**
 * @param {Scene} scene
 * @param {number} bar
 * @returns {string} the handler, or the effect's name
 */
export function labelOf(scene, bar) {
  const { run, bars } = scene;
  if (bars.isTurn(bar)) {
    const row = bar;
    return visible(run.word("handlers", run.turns.column("handler")[row]) || run.word("types", run.turns.column("type")[row]));
  }
  const row = bar - bars.turns;
  const model = run.word("models", run.effects.column("model")[row]);
  const kind = EFFECT_KINDS[run.effects.column("kind")[row]];
  return visible(model || effectName(run.word("effect_names", run.effects.column("name")[row]), kind));
}
