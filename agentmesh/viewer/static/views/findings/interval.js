/** An interval on its axis, with its middle: what can be said of a number. */

import { svg } from "../../shell/dom.js";
import { significant } from "../../logic/format.js";

const [WIDTH, HEIGHT, MARGIN] = [180, 22, 6];

/**
 * @param {{low: number, high: number, middle: number}} value
 * @param {[number, number]} bounds Of the axis.
 */
export function interval({ low, high, middle }, [from, to]) {
  const x = (/** @type {number} */ at) => MARGIN + ((Math.min(to, Math.max(from, at)) - from) / (to - from)) * (WIDTH - 2 * MARGIN);
  const y = HEIGHT / 2;
  const words = low === high ? significant(middle, 3) : `${significant(middle, 3)}, between ${significant(low, 3)} and ${significant(high, 3)}`;
  return svg("svg", { class: "interval", width: WIDTH, height: HEIGHT, role: "img", "aria-label": words },
    svg("line", { class: "interval-axis", x1: MARGIN, x2: WIDTH - MARGIN, y1: y, y2: y }),
    svg("line", { class: "interval-axis", x1: x(0), x2: x(0), y1: y - 5, y2: y + 5 }),
    svg("line", { class: "interval-bar", x1: x(low), x2: x(high), y1: y, y2: y }),
    svg("circle", { class: "interval-mean", cx: x(middle), cy: y, r: 4 }));
}
