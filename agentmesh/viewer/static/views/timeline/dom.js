/** The timeline's elements. */

import { fill, h } from "../../shell/dom.js";

/**
 * @param {HTMLElement} root
 * @param {{ toolbar: HTMLElement, minimap: HTMLElement, ruler: HTMLElement, names: HTMLElement, mirror: HTMLElement }} parts
 */
export function makeDom(root, parts) {
  const bars = h("canvas", { "aria-hidden": "true" });
  const over = h("canvas", { "aria-hidden": "true" });
  const surface = h("div", {
    class: "tl-surface", tabIndex: 0, role: "application", "aria-roledescription": "timeline",
    "aria-label": "Timeline of all agents. Arrow keys select bars, w and s zoom, a and d pan.",
  }, bars, over);
  const tip = h("div", { class: "tl-tip", hidden: true, "aria-hidden": "true" });
  const stage = h("div", { class: "tl-stage" }, parts.names, surface);
  const spacer = h("div", { class: "tl-spacer" }, stage);
  const body = h("div", { class: "tl-body", tabIndex: -1 }, spacer);
  const empty = h("div", { class: "tl-empty", hidden: true });
  const legend = h("div", { class: "tl-legend" });
  const summary = h("div", { class: "tl-summary", role: "status" });
  fill(
    root,
    parts.toolbar,
    h("div", { class: "tl-top" }, h("div", { class: "tl-corner" }), parts.minimap,
      h("div", { class: "tl-corner muted" }, "Agents"), parts.ruler),
    body, empty,
    h("footer", { class: "tl-footer" }, legend, summary),
    parts.mirror, tip,
  );
  return { root, bars, over, surface, tip, stage, spacer, body, empty, legend, summary };
}
