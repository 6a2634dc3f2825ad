/** Marks on a time axis, at round numbers. No DOM. */

const ROUND = [1, 2, 5];
const TIME_STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 2e7,
  5e7, 1e8, 2e8, 5e8, 1e9, 2e9, 5e9, 10e9, 15e9, 30e9, 60e9, 120e9, 300e9, 600e9, 900e9, 1800e9, 3600e9,
  7200e9, 10800e9, 21600e9, 43200e9, 86400e9,
];

/**
 * The smallest round step that leaves room between marks.
 * @param {number} least
 * @param {boolean} isTime in nanoseconds: minutes and hours are round, too
 */
export function stepFor(least, isTime) {
  if (isTime) {
    const found = TIME_STEPS.find((each) => each >= least);
    if (found) return found;
  }
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  return (ROUND.find((each) => each * power >= least) ?? 10) * power;
}

/**
 * @param {number} from
 * @param {number} to
 * @param {number} step
 * @returns {number[]} multiples of the step between both
 */
export function ticks(from, to, step) {
  /** @type {number[]} */
  const found = [];
  for (let at = Math.ceil(from / step); at * step <= to && found.length < 1000; at++) found.push(at * step);
  return found;
}

/**
 * A moment, told as exactly as the marks around it need.
 * @param {number} ns since the run's beginning
 * @param {number} step between marks, in nanoseconds
 * @returns {string} `1.25 s`, `3:07`, `1:02:00`
 */
export function tickLabel(ns, step) {
  const size = Math.abs(ns);
  const sign = ns < 0 ? "−" : "";
  if (size === 0) return "0";
  if (step >= 1e9 && size >= 60e9) return sign + minutes(size);
  const [unit, name] = size >= 1e9 ? [1e9, "s"] : size >= 1e6 ? [1e6, "ms"] : size >= 1e3 ? [1e3, "µs"] : [1, "ns"];
  const digits = Math.max(0, Math.ceil(-Math.log10(step / unit) - 1e-9));
  return `${sign}${(size / unit).toFixed(Math.min(digits, 9))} ${name}`;
}

/** @param {number} ns */
function minutes(ns) {
  const seconds = Math.round(ns / 1e9);
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const [hours, rest] = [Math.floor(seconds / 3600), seconds % 3600];
  const end = `${two(Math.floor(rest / 60))}:${two(rest % 60)}`;
  return hours ? `${hours}:${end}` : end.replace(/^0/, "");
}
