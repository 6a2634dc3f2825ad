/** Numbers and times as people read them. No DOM. */

const UNITS = /** @type {const} */ ([
  ["d", 86_400e9], ["h", 3_600e9], ["min", 60e9], ["s", 1e9], ["ms", 1e6], ["µs", 1e3], ["ns", 1],
]);

/**
 * @param {number} ns
 * @param {number} [digits] significant ones
 * @returns {string} `1.24 s`, `3 min 20 s`; an en dash for what isn't known
 */
export function duration(ns, digits = 3) {
  if (!Number.isFinite(ns)) return "–";
  const sign = ns < 0 ? "−" : "";
  const size = Math.abs(ns);
  if (size === 0) return "0";
  if (size >= 59.95e9) return sign + twoUnits(size);
  const found = UNITS.find(([, unit]) => size >= unit * 0.9995) ?? ["ns", 1];
  return `${sign}${significant(size / found[1], digits)} ${found[0]}`;
}

/** @param {number} ns at least a minute */
function twoUnits(ns) {
  const big = UNITS.findIndex(([, unit]) => ns >= unit * 0.999);
  const [name, unit] = UNITS[big] ?? UNITS[2];
  const [small, part] = UNITS[big + 1] ?? UNITS[3];
  let whole = Math.floor(ns / unit);
  let rest = Math.round((ns - whole * unit) / part);
  if (rest * part >= unit) [whole, rest] = [whole + 1, 0];
  return rest ? `${whole} ${name} ${rest} ${small}` : `${whole} ${name}`;
}

/**
 * @param {number} value
 * @param {number} digits
 */
export function significant(value, digits) {
  if (value === 0) return "0";
  const whole = Math.floor(Math.log10(Math.abs(value))) + 1;
  return String(Number(value.toFixed(Math.max(0, digits - whole))));
}

/**
 * @param {number} value
 * @returns {string} `1,234,567`
 */
export function count(value) {
  return Math.round(value).toLocaleString("en-US");
}

/**
 * @param {number} value
 * @returns {string} `1.2k`, `34M`
 */
export function shortCount(value) {
  if (value < 10_000) return count(value);
  const [unit, name] = value >= 1e9 ? [1e9, "G"] : value >= 1e6 ? [1e6, "M"] : [1e3, "k"];
  return `${significant(value / unit, 3)}${name}`;
}

/**
 * @param {number} bytes
 * @returns {string} `12.3 kB`, by thousands
 */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const names = ["kB", "MB", "GB", "TB"];
  const power = Math.min(names.length, Math.floor(Math.log10(bytes) / 3));
  return `${significant(bytes / 1000 ** power, 3)} ${names[power - 1]}`;
}

/**
 * @param {number | null | undefined} usd
 * @returns {string} `$0.0123`; an en dash for an unknown price
 */
export function cost(usd) {
  if (usd === null || usd === undefined || Number.isNaN(usd)) return "–";
  if (usd === 0) return "$0";
  if (usd < 0.0001) return "<$0.0001";
  return `$${usd >= 100 ? count(usd) : usd >= 1 ? usd.toFixed(2) : significant(usd, 3)}`;
}

/**
 * A moment of the day, in the browser's zone.
 * @param {number} ms since the epoch
 * @param {boolean} [precise] with milliseconds
 */
export function clock(ms, precise = false) {
  const at = new Date(ms);
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return precise ? `${time}.${String(at.getMilliseconds()).padStart(3, "0")}` : time;
}

/**
 * A day and a time: only the time if it is today.
 * @param {number} ms since the epoch
 * @param {number} now
 */
export function moment(ms, now) {
  const at = new Date(ms);
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return new Date(now).toDateString() === at.toDateString() ? clock(ms) : `${day} ${clock(ms)}`;
}

/**
 * @param {number} value
 * @param {string} one
 * @param {string} [many]
 */
export function plural(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/**
 * A moment of a run, with as many digits as its neighbours: they stand below each other.
 * @param {number} ns since the run's beginning
 * @param {number} total how long the run is
 * @returns {string} `0.720 161`, `12:07.301`
 */
export function since(ns, total) {
  if (!Number.isFinite(ns)) return "–";
  const micros = Math.round(Math.abs(ns) / 1e3);
  const three = (/** @type {number} */ value) => String(value).padStart(3, "0");
  const [seconds, rest] = [Math.floor(micros / 1e6), micros % 1e6];
  const sign = ns < 0 ? "−" : "";
  if (total < 60e9) return `${sign}${seconds}.${three(Math.floor(rest / 1e3))}\u2009${three(rest % 1e3)}`;
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const start = total < 3600e9 ? "" : `${hours}:`;
  return `${sign}${start}${two(minutes)}:${two(seconds % 60)}.${three(Math.floor(rest / 1e3))}`;
}

/**
 * An effect's name without its kind, which is told beside it: `search` of `tool search`.
 * @param {string} name
 * @param {string} kind
 */
export function effectName(name, kind) {
  return name.startsWith(`${kind} `) ? name.slice(kind.length + 1) : name;
}
