/** A sequence diagram as SVG: lifelines, turns, arrows from cause to effect, effects beside their lifelines. */

import { svg } from "../../shell/dom.js";
import { duration } from "../../logic/format.js";
import { brief, visible } from "../../logic/text.js";
import { MESSAGE_KINDS } from "../../data/run_data.js";

/** @typedef {import("../../logic/sequence_layout.js").SequenceLayout} SequenceLayout */
/** @typedef {import("../../logic/sequence_layout.js").Arrow} Arrow */
/** @typedef {import("../../logic/sequence_layout.js").OwnEffect} OwnEffect */
/** @typedef {import("../../logic/happenings.js").Happenings} Happenings */

export const ROW = 26;
export const GUTTER = 104;
const TOP = 14;
const STUB = 46;
const CHARACTER = 6.2;
const TURN_WIDTH = 8;

/**
 * @typedef {object} Window
 * @property {number[]} events Numbers of the events, in the run order.
 * @property {SequenceLayout} layout
 * @property {Happenings} happenings
 * @property {Turn[]} turns
 * @property {number} gap Pixels between lifelines.
 */
/** @typedef {{lane: number, start: number, end: number, depth: number, failed: boolean}} Turn Rows; -1 or the height for beyond. */

/**
 * @param {number} lane
 * @param {number} gap
 */
export function laneX(lane, gap) {
  return GUTTER + gap / 2 + lane * gap;
}

/** @param {number} row */
export function rowY(row) {
  return TOP + ROW / 2 + row * ROW;
}

/** @param {number} rows */
export function heightOf(rows) {
  return TOP * 2 + rows * ROW;
}

/**
 * Draw a window.
 * @param {Window} window
 * @returns {SVGElement}
 */
export function drawSequence(window) {
  const { layout, gap } = window;
  const width = GUTTER + layout.lanes.length * gap;
  const height = heightOf(layout.height);
  return svg(
    "svg",
    {
      class: "sequence-svg", width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": `Sequence of ${window.events.length} events of ${layout.lanes.length} agents`,
    },
    arrowHeads(),
    ...layout.lanes.map((_, lane) => svg("line", {
      class: "lifeline", x1: laneX(lane, gap), x2: laneX(lane, gap), y1: 0, y2: height,
    })),
    ...window.turns.map((turn) => turnBar(window, turn)),
    ...window.events.map((event, place) => rowBand(window, event, place, width)),
    ...layout.effects.map((effect) => effectBar(window, effect)),
    ...layout.arrows.map((arrow) => arrowLine(window, arrow)),
    ...window.events.map((event, place) => dot(window, event, place)),
    ...window.events.map((event, place) => label(window, event, place)),
  );
}

function arrowHeads() {
  const head = (/** @type {string} */ id, /** @type {string} */ names) =>
    svg("marker", { id, viewBox: "0 0 8 8", refX: 7.5, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto-start-reverse" },
      svg("path", { d: "M1 1 7.5 4 1 7", class: `arrow-head ${names}` }));
  return svg("defs", {}, head("arrow", ""), head("arrow-failed", "is-failed"));
}

/**
 * @param {Window} window
 * @param {Turn} turn
 */
function turnBar(window, turn) {
  const last = window.layout.height;
  const y = turn.start < 0 ? 0 : rowY(turn.start) - 4;
  const end = turn.end >= last ? heightOf(last) : rowY(turn.end) + 4;
  return svg("rect", {
    class: `turn-bar ${turn.failed ? "is-failed" : ""}`,
    x: laneX(turn.lane, window.gap) - TURN_WIDTH / 2 + turn.depth * 5, y,
    width: TURN_WIDTH, height: Math.max(end - y, 8), rx: 2,
  });
}

/**
 * A row that can be pointed at; in a compact drawing, the part of it that is the event's.
 * @param {Window} window
 * @param {number} event
 * @param {number} place
 * @param {number} width
 */
function rowBand(window, event, place, width) {
  const { layout, happenings, gap } = window;
  const row = layout.rows[place] ?? 0;
  const alone = layout.height === window.events.length;
  const lane = laneOf(window, event);
  const { run } = happenings;
  const band = svg("g", { class: "row", "data-event": event },
    svg("rect", {
      class: "row-band", x: alone ? 0 : laneX(lane, gap) - gap / 2, width: alone ? width : gap, y: rowY(row) - ROW / 2, height: ROW,
    }));
  const title = svg("title");
  title.textContent = visible(`${run.reference(event)}  ${happenings.words(event)}`);
  band.append(title);
  if (alone) {
    band.append(text(`${event + 1}`, 10, rowY(row) + 4, "gutter-number"));
    band.append(text(`+${duration(run.events.column("at")[event] ?? 0)}`, GUTTER - 12, rowY(row) + 4, "gutter-time", "end"));
  }
  return band;
}

/**
 * @param {Window} window
 * @param {number} event
 */
function laneOf(window, event) {
  const { run } = window.happenings;
  return window.layout.lanes.indexOf(run.address(run.events.column("agent")[event] ?? -1));
}

/**
 * @param {Window} window
 * @param {Arrow} arrow
 */
function arrowLine(window, arrow) {
  const { happenings, gap, events } = window;
  const event = events[arrow.event] ?? -1;
  const { run } = happenings;
  const kind = MESSAGE_KINDS[run.messages.column("kind")[happenings.message(event)] ?? 0] ?? "";
  const failed = kind === "fail";
  const answer = ["reply", "fail", "chunk"].includes(kind);
  const to = laneX(arrow.to, gap);
  const y = rowY(arrow.end);
  const leftwards = arrow.from > arrow.to;
  const side = leftwards ? 1 : -1;
  const tip = to + side * (TURN_WIDTH / 2 + 1);
  const outside = arrow.from < 0;
  const before = arrow.start < 0;
  const from = outside ? to + side * Math.min(STUB, gap / 2) : laneX(arrow.from, gap) - side * (TURN_WIDTH / 2);
  const fromX = before && !outside ? Math.abs(from - tip) > STUB ? tip + side * STUB : from : from;
  const fromY = before ? y : rowY(arrow.start);
  return svg(
    "g",
    { class: `arrow ${answer ? "is-answer" : ""} ${failed ? "is-failed" : ""} ${before ? "is-before" : ""}`, "data-arrow": event },
    svg("line", { x1: fromX, y1: fromY, x2: tip, y2: y, "marker-end": `url(#arrow${failed ? "-failed" : ""})` }),
    ...(before ? [svg("circle", { class: "arrow-origin", cx: fromX, cy: fromY, r: 2.5 })] : []),
  );
}

/**
 * @param {Window} window
 * @param {OwnEffect} effect
 */
function effectBar(window, effect) {
  const { happenings, gap, events } = window;
  const event = events[effect.event] ?? -1;
  const x = laneX(effect.lane, gap) + 12 + effect.depth * 8;
  const start = effect.start < 0 ? 0 : rowY(effect.start);
  return svg(
    "path",
    { class: `effect-line hue-${happenings.hue(event)}`, d: `M${x - 8} ${start}H${x}V${rowY(effect.end)}H${x - 7}` },
  );
}

/**
 * What happened, in a word, beside the lifeline and the effects that are open there: not where its arrow comes from.
 * @param {Window} window
 * @param {number} event
 * @param {number} place
 */
function label(window, event, place) {
  const { happenings, gap, layout } = window;
  const lane = laneOf(window, event);
  const row = layout.rows[place] ?? 0;
  const beside = layout.effects
    .filter((each) => each.lane === lane && each.start <= row && row <= each.end)
    .reduce((most, each) => Math.max(most, each.depth + 1), 0);
  const offset = 11 + beside * 8;
  const room = (layout.height === window.events.length ? gap * 1.6 : gap) - offset - 6;
  const words = brief(`${happenings.label(event)}${tookWords(window, event)}`, Math.max(Math.floor(room / CHARACTER), 6));
  const names = `event-label hue-${happenings.hue(event)} is-${happenings.kind(event)}`;
  const fromRight = layout.arrows.some((arrow) => arrow.event === place && arrow.from > arrow.to);
  return fromRight
    ? text(words, laneX(lane, gap) - 11, rowY(row) + 4, names, "end")
    : text(words, laneX(lane, gap) + offset, rowY(row) + 4, names);
}

/**
 * How long the effect took that ended, if one did.
 * @param {Window} window
 * @param {number} event
 */
function tookWords({ happenings }, event) {
  const { effects } = happenings.run;
  const row = happenings.effect(event);
  const took = (effects.column("end")[row] ?? NaN) - (effects.column("begin")[row] ?? NaN);
  return Number.isFinite(took) ? ` ${duration(took, 2)}` : "";
}

/**
 * @param {Window} window
 * @param {number} event
 * @param {number} place
 */
function dot(window, event, place) {
  return svg("circle", {
    class: `event-dot hue-${window.happenings.hue(event)}`, "data-dot": event,
    cx: laneX(laneOf(window, event), window.gap), cy: rowY(window.layout.rows[place] ?? 0), r: 4,
  });
}

/**
 * @param {string} words Made visible already.
 * @param {number} x
 * @param {number} y
 * @param {string} names
 * @param {"start" | "middle" | "end"} [anchor]
 */
function text(words, x, y, names, anchor = "start") {
  const made = svg("text", { x, y, class: names, "text-anchor": anchor });
  made.textContent = words;
  return made;
}
