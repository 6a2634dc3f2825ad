/** The timeline's controls and its legend. */

import { KINDS } from "../../logic/bars.js";
import { cost, count, duration, plural, significant } from "../../logic/format.js";
import { button, fill, h, icon, setVars } from "../../shell/dom.js";
import { cssOf } from "./palette.js";

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("./palette.js").Palette} Palette */

/**
 * @typedef {object} Choices What the permalink has.
 * @property {string} axis `logical` or ""
 * @property {string} fold `1` or ""
 * @property {string} colour
 * @property {string} order
 * @property {string} path `1` or ""
 * @property {string} lanes
 */

/**
 * @param {{ choose: (change: Record<string, string>) => void, zoom: (factor: number) => void, fit: () => void }} asks
 */
export function makeToolbar(asks) {
  const axis = segments("Time", [["", "Time"], ["logical", "Order"]], (value) => asks.choose({ axis: value }));
  const fold = toggle("Fold idle", "Fold stretches in which nobody does anything (i)", (on) => asks.choose({ fold: on }));
  const path = toggle("Critical path", "Show what the end waited for (c)", (on) => asks.choose({ path: on }));
  const colour = choice("Colour", [["", "kind"], ["cost", "cost"], ["tokens", "tokens"], ["wait", "wait"]],
    (value) => asks.choose({ colour: value }));
  const order = choice("Lanes", [["", "by start"], ["name", "by name"], ["busy", "by events"]],
    (value) => asks.choose({ order: value }));
  const filter = h("input", {
    class: "field tl-filter", type: "search", placeholder: "Filter agents", "aria-label": "Show only agents whose name contains",
    oninput: () => asks.choose({ lanes: filter.value }),
  });
  const bar = h(
    "div",
    { class: "toolbar", role: "toolbar", "aria-label": "Timeline" },
    axis.element, fold.element, path.element, colour.element, order.element, filter,
    h("div", { class: "spacer" }),
    button(icon("minus"), () => asks.zoom(1.6), { class: "icon plain", title: "Zoom out (s)" }),
    button(icon("plus"), () => asks.zoom(1 / 1.6), { class: "icon plain", title: "Zoom in (w)" }),
    button(icon("fit"), asks.fit, { class: "icon plain", title: "Show all (0)" }),
  );
  return {
    element: bar,
    filter,
    /** @param {Choices} choices */
    show(choices) {
      axis.show(choices.axis);
      fold.show(choices.fold === "1", choices.axis === "logical");
      path.show(choices.path === "1", false);
      colour.show(choices.colour);
      order.show(choices.order);
      if (document.activeElement !== filter) filter.value = choices.lanes;
    },
  };
}

/**
 * @param {string} label
 * @param {[string, string][]} options
 * @param {(value: string) => void} choose
 */
function segments(label, options, choose) {
  const buttons = options.map(([value, name]) => button(name, () => choose(value), { "data-value": value }));
  return {
    element: h("div", { class: "segments", role: "group", "aria-label": label }, buttons),
    show: (/** @type {string} */ value) => {
      for (const each of buttons) each.setAttribute("aria-pressed", String(each.dataset.value === value));
    },
  };
}

/**
 * @param {string} label
 * @param {string} title
 * @param {(value: string) => void} choose
 */
function toggle(label, title, choose) {
  const element = button(label, () => choose(element.getAttribute("aria-pressed") === "true" ? "" : "1"), {
    title, "aria-pressed": "false",
  });
  return {
    element,
    show: (/** @type {boolean} */ on, /** @type {boolean} */ disabled) => {
      element.setAttribute("aria-pressed", String(on));
      element.disabled = disabled;
    },
  };
}

/**
 * @param {string} label
 * @param {[string, string][]} options
 * @param {(value: string) => void} choose
 */
function choice(label, options, choose) {
  const list = h("select", { onchange: () => choose(list.value) },
    options.map(([value, name]) => h("option", { value }, name)));
  return {
    element: h("label", null, label, list),
    show: (/** @type {string} */ value) => void (list.value = value),
  };
}

/** @type {Record<string, string>} */
const NAMES = {
  turn: "turn", tool: "tool", http: "HTTP", call: "function", opaque: "other effect", model: "model", timer: "sleep",
  failed: "failed", open: "goes on", dead: "dead letter",
};

/**
 * What the colours mean.
 * @param {HTMLElement} element
 * @param {Scene} scene
 * @param {Palette} palette
 */
export function showLegend(element, scene, palette) {
  if (!scene.heat) {
    const there = new Set(scene.bars.kind);
    fill(element, KINDS.map((name, kind) => there.has(kind) && kind !== 9 &&
      swatch(palette.kindCss[kind], name === "open" && !scene.run.info.growing ? "not ended" : NAMES[name])));
    return;
  }
  const { low, high } = scene.heat;
  if (high === 0) {
    fill(element, `No ${scene.settings.colour} is known of this run.`);
    return;
  }
  const shown = { cost, wait: duration, tokens: count, kind: (/** @type {number} */ value) => significant(value, 3) }[scene.settings.colour];
  const scale = h("span", { class: "tl-scale" });
  const colours = [...palette.heat].slice(1).map(cssOf).join(", ");
  setVars(scale, { "--scale": `linear-gradient(to right, ${colours})` });
  fill(element, h("span", null, scene.settings.colour), shown(low), scale, shown(high), swatch(palette.heatCss[0], "none"));
}

/**
 * @param {string} colour
 * @param {string} name
 */
function swatch(colour, name) {
  const dot = h("i", { class: "swatch" });
  setVars(dot, { "--colour": colour });
  return h("span", { class: "tl-key" }, dot, name);
}

/**
 * What the selection and the critical path have to say, in a line.
 * @param {HTMLElement} element
 * @param {import("./arrows.js").Cones | null} cones
 * @param {any} path the server's answer, an Error, or null
 */
export function showSummary(element, cones, path) {
  const parts = [];
  if (path instanceof Error) parts.push(h("span", { class: "bad-text" }, path.message.split("\n")[0]));
  else if (path) {
    const kinds = Object.entries(path.by_kind ?? {}).sort((one, other) => other[1] - one[1]).slice(0, 4);
    const total = path.total_ns || 1;
    parts.push(h("span", null, h("b", { class: "path-text" }, `Critical path ${duration(path.total_ns)}`),
      kinds.map(([kind, ns]) => ` · ${kind} ${significant((100 * ns) / total, 2)} %`),
      path.truncated && ` · the last ${count(path.segments.length)} parts are drawn`));
  }
  if (cones) {
    const all = cones.counts.past + cones.counts.future;
    parts.push(h("span", null,
      h("b", { class: "past-text" }, plural(cones.counts.past, "message")), " led here, ",
      h("b", { class: "future-text" }, plural(cones.counts.future, "message")), " came of it",
      all > cones.arrows.length && ` · the nearest ${count(cones.arrows.length)} are drawn`));
  }
  fill(element, parts);
}
