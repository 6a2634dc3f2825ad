/** The timeline's keys. */

import { isBad } from "../../logic/bars.js";
import { boxOf } from "./overlay.js";

/** @typedef {import("../timeline.js").Timeline} Timeline */

/** What the pointer does, for the help: no key has these names. @type {import("../../shell/keys.js").Binding[]} */
const POINTER = [
  ["drag", "Pan"], ["mod+wheel", "Zoom"], ["shift+wheel", "Pan sideways"], ["shift+drag", "Zoom to a stretch"],
  ["double-click", "Zoom to a bar"],
].map(([keys, label]) => ({ keys, label, group: "Timeline, by pointer", run: () => false }));

/**
 * @param {Timeline} timeline
 * @returns {import("../../shell/keys.js").Binding[]}
 */
export function timelineKeys(timeline) {
  const { context, viewport } = timeline;
  const group = "Timeline";
  const pan = (/** @type {number} */ share) => {
    viewport.pan(viewport.span * share);
    timeline.moved();
  };
  const flip = (/** @type {string} */ key, on = "1") =>
    context.setParams({ [key]: context.params()[key] === on ? "" : on });
  return [
    { keys: "w, +, =", label: "Zoom in", group, run: () => timeline.zoom(1 / 1.5) },
    { keys: "s, -", label: "Zoom out", group, run: () => timeline.zoom(1.5) },
    { keys: "a, shift+ArrowLeft", label: "Pan left", group, run: () => pan(-0.2) },
    { keys: "d, shift+ArrowRight", label: "Pan right", group, run: () => pan(0.2) },
    { keys: "0", label: "Show all", group, run: () => timeline.fit() },
    { keys: "z, Enter", label: "Zoom to the selection", group, run: (event) => onSurface(timeline, event) && timeline.zoomTo(timeline.bar) },
    { keys: "ArrowRight", label: "Next bar of the lane", group, run: (event) => onSurface(timeline, event) && along(timeline, 1) },
    { keys: "ArrowLeft", label: "Previous bar of the lane", group, run: (event) => onSurface(timeline, event) && along(timeline, -1) },
    { keys: "ArrowDown", label: "Nearest bar of the lane below", group, run: (event) => onSurface(timeline, event) && across(timeline, 1) },
    { keys: "ArrowUp", label: "Nearest bar of the lane above", group, run: (event) => onSurface(timeline, event) && across(timeline, -1) },
    { keys: "e", label: "Next failure", group, run: () => failure(timeline) },
    { keys: "Escape", label: "Select nothing", group, run: () => timeline.selectBar(-1) },
    { keys: "l", label: "Time or order", group, run: () => flip("axis", "logical") },
    { keys: "i", label: "Fold idle stretches", group, run: () => flip("fold") },
    { keys: "c", label: "Critical path", group, run: () => flip("path") },
    { keys: "f", label: "Find an agent's lane", group, run: () => timeline.toolbar.filter.focus() },
    ...POINTER,
  ];
}

/**
 * Arrows and Enter belong to buttons and lists while these have the focus.
 * @param {Timeline} timeline
 * @param {KeyboardEvent} event
 * @returns {any} false lets the key go on
 */
function onSurface(timeline, event) {
  const at = event.target;
  return at === document.body || at === timeline.dom.surface || (at instanceof HTMLElement && at.id === "main");
}

/**
 * Select the next or previous bar of the selected lane.
 * @param {Timeline} timeline
 * @param {1 | -1} by
 */
function along(timeline, by) {
  const { scene } = timeline;
  const lane = laneOf(timeline);
  const at = timeline.bar < 0 ? timeline.viewport.from : scene.bars.start[timeline.bar];
  let [found, nearest] = [-1, Infinity];
  for (const bar of barsOf(timeline, lane)) {
    const away = (scene.bars.start[bar] - at) * by || (bar - timeline.bar) * by * 1e-9;
    if (bar !== timeline.bar && away > 0 && away < nearest) [found, nearest] = [bar, away];
  }
  if (found >= 0) timeline.selectBar(found);
  else timeline.context.announce(by > 0 ? "That was the last bar." : "That was the first bar.");
}

/**
 * Select what is at the same time in the next lane that has something there.
 * @param {Timeline} timeline
 * @param {1 | -1} by
 */
function across(timeline, by) {
  const { scene } = timeline;
  const at = timeline.bar < 0 ? timeline.viewport.from : scene.bars.start[timeline.bar];
  for (let lane = laneOf(timeline) + by; lane >= 0 && lane < scene.lanes.order.length; lane += by) {
    let [found, nearest] = [-1, Infinity];
    for (const bar of barsOf(timeline, lane)) {
      const [from, to] = [scene.bars.start[bar], scene.bars.end[bar]];
      const away = at < from ? from - at : at > to ? at - to : 0;
      if (away < nearest) [found, nearest] = [bar, away];
    }
    if (found >= 0) {
      timeline.selectBar(found);
      return;
    }
  }
}

/** @param {Timeline} timeline */
function laneOf(timeline) {
  if (timeline.bar < 0) return Math.max(0, timeline.scene.laneAt(timeline.dom.body.scrollTop));
  return boxOf(timeline.scene, timeline.bar)?.lane ?? 0;
}

/**
 * @param {Timeline} timeline
 * @param {number} lane
 */
function barsOf(timeline, lane) {
  const { laneFirst, first, sorted } = timeline.scene.lanes;
  return sorted.subarray(first[laneFirst[lane]], first[laneFirst[lane + 1]]);
}

/** Select the next bar that failed, by time, and the first after the last. @param {Timeline} timeline */
function failure(timeline) {
  const { bars } = timeline.scene;
  const at = timeline.bar < 0 ? -Infinity : bars.start[timeline.bar];
  let [found, first] = [-1, -1];
  for (let bar = 0; bar < bars.count; bar++) {
    if (!isBad(bars.kind[bar])) continue;
    if (first < 0 || bars.start[bar] < bars.start[first]) first = bar;
    const later = bars.start[bar] > at || (bars.start[bar] === at && bar > timeline.bar);
    if (later && (found < 0 || bars.start[bar] < bars.start[found])) found = bar;
  }
  if (first < 0) timeline.context.announce("Nothing failed in this run.");
  else timeline.selectBar(found >= 0 ? found : first);
}
