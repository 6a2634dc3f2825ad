/** The timeline's colours, from the design tokens: as pixels and as strings. Read anew with the theme. */

import { KINDS } from "../../logic/bars.js";
import { STEPS } from "../../logic/heat.js";
import { mix, pixelOf } from "../../logic/raster.js";
import { token } from "../../shell/theme.js";

/** By KINDS. */
const TOKENS = {
  turn: "--kind-turn", tool: "--kind-tool", http: "--kind-http", call: "--kind-call",
  opaque: "--kind-message", model: "--kind-model", timer: "--kind-timer", failed: "--kind-failed",
  open: "--kind-open", dead: "--kind-failed",
};

/** @param {number} pixel */
export function cssOf(pixel) {
  return `rgb(${pixel & 255} ${(pixel >> 8) & 255} ${(pixel >> 16) & 255})`;
}

/**
 * What is readable on a colour.
 * @param {number} pixel
 */
function inkOn(pixel) {
  const light = 0.299 * (pixel & 255) + 0.587 * ((pixel >> 8) & 255) + 0.114 * ((pixel >> 16) & 255);
  return light > 140 ? "#101118" : "#ffffff";
}

export class Palette {
  constructor() {
    this.ground = pixelOf(token("--bg"));
    this.text = token("--text");
    this.text2 = token("--text-2");
    this.text3 = token("--text-3");
    this.border = token("--border");
    this.borderStrong = token("--border-strong");
    this.accent = token("--accent");
    this.past = token("--past");
    this.future = token("--future");
    this.path = token("--path");
    this.sunk = token("--bg-sunk");
    this.raised = token("--bg-raised");
    this.kinds = Uint32Array.from(KINDS.map((kind) => pixelOf(token(TOKENS[kind]))));
    this.kindCss = [...this.kinds].map(cssOf);
    this.kindInk = [...this.kinds].map(inkOn);
    this.quiet = mix(this.ground, pixelOf(token("--kind-open")), 0.55);
    this.heat = heatScale(this.quiet);
    this.heatCss = [...this.heat].map(cssOf);
    this.heatInk = [...this.heat].map(inkOn);
  }
}

/** From little to much; 0 is nothing. @param {number} quiet */
function heatScale(quiet) {
  const dark = document.documentElement.dataset.theme === "dark";
  const stops = (dark ? ["#2b3468", "#7a3fb8", "#e0527a", "#ffc46b"] : ["#c9d3f5", "#8c7ae0", "#c0368f", "#7a1030"])
    .map(pixelOf);
  const scale = new Uint32Array(STEPS + 1);
  scale[0] = quiet;
  for (let step = 1; step <= STEPS; step++) {
    const at = ((step - 1) / (STEPS - 1)) * (stops.length - 1);
    const low = Math.min(stops.length - 2, Math.floor(at));
    scale[step] = mix(stops[low], stops[low + 1], at - low);
  }
  return scale;
}
