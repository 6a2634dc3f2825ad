/** Experiments: arms with their intervals, what each comparison came to, and how it was decided. */

import { h, svg, told } from "../../shell/dom.js";
import { cost, count, duration, plural, significant } from "../../logic/format.js";
import { interval } from "./interval.js";

/** @type {Record<string, string>} */
const TONES = { better: "good", worse: "bad", equivalent: "info" };
const SERIES = { width: 560, height: 150, left: 44, bottom: 20 };

/** @param {any} found */
export function experimentSection(found) {
  const arms = Array.isArray(found.arms) ? found.arms : [];
  const [low, high] = scale(arms, found.bounds);
  return [
    h("p", { class: "muted" }, `${plural(found.samples ?? 0, "sample")} of each arm; ended because ${found.stopped || "it was ended"}.`,
      found.margin ? ` Differences within ±${found.margin} count as none.` : "", ` All of it holds with probability ${significant(1 - (found.alpha ?? 0.05), 3)}.`),
    h("table", { class: "finding-table" },
      h("thead", null, h("tr", null, ["Arm", "Score", "", "Against the baseline", "Verdict", "Cost", "Time", "Samples"].map((title) =>
        h("th", { scope: "col" }, title || h("span", { class: "hidden-text" }, "Interval"))))),
      h("tbody", null, arms.map((/** @type {any} */ arm) => armRow(found, arm, low, high)))),
    found.series?.length ? seriesPlot(found) : null,
  ];
}

/**
 * @param {any[]} arms
 * @param {[number, number] | undefined} bounds
 * @returns {[number, number]}
 */
function scale(arms, bounds) {
  const low = Math.min(...arms.map((arm) => arm.low), ...(bounds ? [bounds[0]] : []));
  const high = Math.max(...arms.map((arm) => arm.high), ...(bounds ? [bounds[1]] : []));
  return high > low ? [low, high] : [low - 1, low + 1];
}

/**
 * @param {any} found
 * @param {any} arm
 * @param {number} low
 * @param {number} high
 */
function armRow(found, arm, low, high) {
  const against = arm.comparison;
  const isBaseline = arm.name === found.baseline;
  return h("tr", null,
    h("td", null, h("b", null, told(arm.name)), isBaseline && h("span", { class: "badge" }, "baseline"), arm.name === found.control && h("span", { class: "badge" }, "A/A control"), arm.dominated_by && h("span", { class: "badge" }, "dominated by ", told(arm.dominated_by))),
    h("td", { class: "number" }, significant(arm.mean, 3), arm.failed ? h("span", { class: "bad-text" }, ` (${plural(arm.failed, "failure")})`) : null),
    h("td", null, interval({ low: arm.low, high: arm.high, middle: arm.mean }, [low, high])),
    h("td", { class: "number" }, against ? [sign(against.difference), h("span", { class: "muted" }, ` [${sign(against.low)}, ${sign(against.high)}]`)] : ""),
    h("td", null, against ? h("span", { class: `pill ${TONES[against.verdict] ?? ""}`, title: against.rule ?? "" }, told(against.verdict)) : ""),
    h("td", { class: "number" }, cost(arm.usd)),
    h("td", { class: "number" }, duration((arm.seconds ?? NaN) * 1e9)),
    h("td", { class: "number" }, count(arm.samples ?? 0)));
}

/** @param {number} value */
function sign(value) {
  return `${value > 0 ? "+" : value < 0 ? "−" : ""}${significant(Math.abs(value), 3)}`;
}

/**
 * How differences came to be known: the interval of each arm after each number of samples.
 * @param {any} found
 */
function seriesPlot(found) {
  /** @type {Map<string, any[]>} */
  const lines = new Map();
  for (const point of found.series) lines.set(point.arm, [...(lines.get(point.arm) ?? []), point]);
  const most = Math.max(...found.series.map((/** @type {any} */ point) => point.n));
  const reach = Math.max(1e-9, ...found.series.filter((/** @type {any} */ point) => point.n > most / 8)
    .flatMap((/** @type {any} */ point) => [Math.abs(point.low), Math.abs(point.high)]));
  const x = (/** @type {number} */ n) => SERIES.left + (n / most) * (SERIES.width - SERIES.left - 8);
  const y = (/** @type {number} */ value) => 8 + (0.5 - Math.max(-1, Math.min(1, value / reach)) / 2) * (SERIES.height - SERIES.bottom - 8);
  const plots = [...lines].map(([arm, points]) => h("figure", { class: "series" },
    h("figcaption", null, told(arm), h("span", { class: "muted" }, " − ", told(found.baseline), ", by samples")),
    svg("svg", { width: SERIES.width, height: SERIES.height, viewBox: `0 0 ${SERIES.width} ${SERIES.height}`, role: "img", "aria-label": `Interval of the difference over ${most} samples` },
      svg("line", { class: "series-zero", x1: SERIES.left, x2: SERIES.width - 8, y1: y(0), y2: y(0) }),
      svg("path", { class: "series-band", d: band(points, x, y) }),
      svg("path", { class: "series-line", d: `M${points.map((point) => `${x(point.n)} ${y(point.difference)}`).join("L")}` }),
      label(sign(reach), SERIES.left - 6, y(reach) + 8), label("0", SERIES.left - 6, y(0) + 4), label(sign(-reach), SERIES.left - 6, y(-reach)),
      label(count(most), SERIES.width - 8, SERIES.height - 4))));
  return h("div", { class: "series-plots" }, plots);
}

/**
 * @param {any[]} points
 * @param {(n: number) => number} x
 * @param {(value: number) => number} y
 */
function band(points, x, y) {
  const upper = points.map((point) => `${x(point.n)} ${y(point.high)}`);
  const lower = [...points].reverse().map((point) => `${x(point.n)} ${y(point.low)}`);
  return `M${[...upper, ...lower].join("L")}Z`;
}

/**
 * @param {string} words
 * @param {number} x
 * @param {number} y
 */
function label(words, x, y) {
  const made = svg("text", { x, y, class: "series-label", "text-anchor": "end" });
  made.textContent = words;
  return made;
}
