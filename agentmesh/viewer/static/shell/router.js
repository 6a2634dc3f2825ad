/**
 * Permalinks: `#/run/RUN/VIEW?event=Writer/w1@118&...` names a run, a view, an event and whatever
 * else a view keeps there. `#/` is the list of runs. No DOM in here.
 */

/**
 * @typedef {object} Route
 * @property {string | null} run The run's id; null for the list of runs.
 * @property {string} view
 * @property {Record<string, string>} params
 */

export const RUNS = "runs";
export const FIRST_VIEW = "timeline";

/**
 * Read what follows the page's address; what makes no sense is the list of runs.
 * @param {string} hash with its `#`
 * @returns {Route}
 */
export function parseRoute(hash) {
  const [path, query = ""] = split(hash.replace(/^#/, ""), "?");
  const parts = path.split("/").filter(Boolean).map(decode);
  const params = Object.fromEntries(new URLSearchParams(query));
  if (parts[0] === "run" && parts[1]) {
    return { run: parts[1], view: parts[2] ?? FIRST_VIEW, params };
  }
  return { run: null, view: RUNS, params };
}

/**
 * @param {Route} route
 * @returns {string} with its `#`
 */
export function formatRoute(route) {
  const query = Object.entries(route.params)
    .filter(([, value]) => value !== "")
    .map(([key, value]) => `${encode(key)}=${encode(value)}`)
    .join("&");
  const [run, view] = [route.run ?? "", route.view].map((each) => encodeURIComponent(wellFormed(each)));
  const path = route.run === null ? "#/" : `#/run/${run}/${view}`;
  return query ? `${path}?${query}` : path;
}

/**
 * Encode for the part after `#`, and leave what reads well there: `Writer/w1@118`.
 * @param {string} text
 */
function encode(text) {
  return encodeURIComponent(wellFormed(text)).replace(/%(?:2F|40|3A|2C|24|5B|5D)/g, decodeURIComponent);
}

/** Text without halves of surrogate pairs, which no address can have. @param {string} text */
function wellFormed(text) {
  return text.replace(/[\ud800-\udfff]/gu, "\ufffd");
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * @param {string} text
 * @param {string} separator
 * @returns {string[]} one or two
 */
function split(text, separator) {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
