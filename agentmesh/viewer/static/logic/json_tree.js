/**
 * Two JSON values as one tree of rows: what is there now, with what changed since before marked in it.
 *
 * No DOM in here. Only what is open is walked, so that a large state costs what is shown of it.
 * Lists are compared by their items and not by their places: what was put in front of a list is one
 * added item, not a change of all.
 */

/** @typedef {null | boolean | number | string | JsonList | JsonObject} Json */
/** @typedef {Json[]} JsonList */
/** @typedef {{[name: string]: Json}} JsonObject */
/** @typedef {"" | "added" | "removed" | "changed" | "inside"} Mark */

/**
 * @typedef {object} TreeRow
 * @property {string} id JSON pointer; of what was removed, with a mark that no pointer has.
 * @property {number} depth
 * @property {string} label Name or index; empty for the whole.
 * @property {"object" | "list" | "string" | "number" | "boolean" | "null" | "more" | "text"} type
 * @property {Mark} mark `inside`: not itself, but something below it.
 * @property {string} text The value in one line; of `text`, all lines.
 * @property {string} was The value before in one line, of what changed; else empty.
 * @property {boolean} openable
 * @property {boolean} open
 * @property {number} count Entries of objects and lists; of `more`, how many are not shown.
 */

/**
 * @typedef {object} Reading
 * @property {(id: string, depth: number, mark: Mark) => boolean} isOpen
 * @property {(id: string) => number} shownOf How many entries of a node are shown at most.
 */

/** @typedef {{value: Json | undefined}} Held */

const MISSING = undefined;
const TEXT_MAX = 120;
const PREVIEW_ENTRIES = 4;
const PAIRS_MAX = 40_000;
/** How many entries of an object or list are shown at first. */
export const ENTRIES_MAX = 100;

/**
 * Tell whether two JSON values are the same.
 * @param {Json | undefined} one
 * @param {Json | undefined} other
 * @returns {boolean}
 */
export function equal(one, other) {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || !one || !other) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => equal(item, other[index]));
  }
  const a = /** @type {JsonObject} */ (one);
  const b = /** @type {JsonObject} */ (other);
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => Object.hasOwn(b, name) && equal(a[name], b[name]));
}

/**
 * Pair the items of two lists: equal ones first, then what stands in the same gap.
 * @param {JsonList} before
 * @param {JsonList} after
 * @returns {[number, number][]} Indices of both; -1 where an item has no partner. In the order of both.
 */
export function pairItems(before, after) {
  let start = 0;
  const shorter = Math.min(before.length, after.length);
  while (start < shorter && equal(before[start], after[start])) start++;
  let end = 0;
  while (
    end < shorter - start &&
    equal(before[before.length - 1 - end], after[after.length - 1 - end])
  ) {
    end++;
  }
  /** @type {[number, number][]} */
  const pairs = [];
  for (let index = 0; index < start; index++) pairs.push([index, index]);
  pairs.push(...middle(before, after, start, end));
  for (let left = end; left > 0; left--) pairs.push([before.length - left, after.length - left]);
  return pairs;
}

/**
 * @param {JsonList} before
 * @param {JsonList} after
 * @param {number} start
 * @param {number} end
 * @returns {[number, number][]}
 */
function middle(before, after, start, end) {
  const rows = before.length - start - end;
  const columns = after.length - start - end;
  /** @type {[number, number][]} */
  const pairs = [];
  const kept = rows * columns <= PAIRS_MAX ? longestCommon(before, after, start, rows, columns) : [];
  let one = 0;
  let other = 0;
  for (const [i, j] of [...kept, [rows, columns]]) {
    while (one < i && other < j) pairs.push([start + one++, start + other++]);
    while (one < i) pairs.push([start + one++, -1]);
    while (other < j) pairs.push([-1, start + other++]);
    if (i < rows) pairs.push([start + one++, start + other++]);
  }
  return pairs;
}

/**
 * @param {JsonList} before
 * @param {JsonList} after
 * @param {number} start
 * @param {number} rows
 * @param {number} columns
 * @returns {[number, number][]} Places, from `start` on, of equal items.
 */
function longestCommon(before, after, start, rows, columns) {
  const width = columns + 1;
  const lengths = new Uint32Array((rows + 1) * width);
  const same = new Uint8Array(rows * columns);
  for (let i = rows - 1; i >= 0; i--) {
    for (let j = columns - 1; j >= 0; j--) {
      const equals = equal(before[start + i], after[start + j]);
      same[i * columns + j] = equals ? 1 : 0;
      lengths[i * width + j] = equals
        ? 1 + lengths[(i + 1) * width + j + 1]
        : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
    }
  }
  /** @type {[number, number][]} */
  const found = [];
  for (let i = 0, j = 0; i < rows && j < columns; ) {
    if (same[i * columns + j]) found.push([i++, j++]);
    else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) i++;
    else j++;
  }
  return found;
}

/**
 * Return the rows of what is there now, with what changed marked.
 * @param {Json | undefined} before What was there; `undefined` for nothing to compare with.
 * @param {Json | undefined} after What is there.
 * @param {Reading} reading What is open.
 * @returns {TreeRow[]}
 */
export function treeRows(before, after, reading) {
  /** @type {TreeRow[]} */
  const rows = [];
  walk(rows, "", "", 0, before === MISSING ? after : before, after, reading);
  return rows;
}

/**
 * @param {TreeRow[]} rows
 * @param {string} id
 * @param {string} label
 * @param {number} depth
 * @param {Json | undefined} before
 * @param {Json | undefined} after
 * @param {Reading} reading
 */
function walk(rows, id, label, depth, before, after, reading) {
  const mark = markOf(before, after);
  const value = /** @type {Json} */ (after === MISSING ? before : after);
  const type = typeOf(value);
  const count = sizeOf(value);
  const long = type === "string" && isLong(/** @type {string} */ (value));
  const openable = long || ((type === "object" || type === "list") && count > 0);
  const open = openable && reading.isOpen(id, depth, mark);
  const was = mark === "changed" ? preview(/** @type {Json} */ (before)) : "";
  rows.push({ id, depth, label, type, mark, text: preview(value), was, openable, open, count });
  if (!open) return;
  if (long) {
    const text = /** @type {string} */ (value);
    rows.push({ ...blank(`${id}\u0000text`, depth + 1), type: "text", mark, text });
    return;
  }
  entries(rows, id, depth, before, after, reading);
}

/**
 * @param {TreeRow[]} rows
 * @param {string} id
 * @param {number} depth
 * @param {Json | undefined} before
 * @param {Json | undefined} after
 * @param {Reading} reading
 */
function entries(rows, id, depth, before, after, reading) {
  const children = childrenOf(before, after);
  const most = reading.shownOf(id);
  let left = most;
  let skipped = 0;
  for (const child of children) {
    // What changed is shown wherever it stands.
    if (left > 0 || markOf(child.before, child.after) !== "") {
      walk(rows, `${id}/${child.token}`, child.label, depth + 1, child.before, child.after, reading);
      left--;
    } else skipped++;
  }
  if (skipped) rows.push({ ...blank(`${id}\u0000more`, depth + 1), type: "more", count: skipped });
}

/**
 * @param {string} id
 * @param {number} depth
 * @returns {TreeRow}
 */
function blank(id, depth) {
  return {
    id, depth, label: "", type: "text", mark: "", text: "", was: "",
    openable: false, open: false, count: 0,
  };
}

/** @typedef {{token: string, label: string, before: Json | undefined, after: Json | undefined}} Child */

/**
 * @param {Json | undefined} before
 * @param {Json | undefined} after
 * @returns {Child[]} What stands in either, in the order of what is there now.
 */
function childrenOf(before, after) {
  if (Array.isArray(before ?? after) && Array.isArray(after ?? before)) {
    return items(/** @type {JsonList | undefined} */ (before), /** @type {JsonList | undefined} */ (after));
  }
  if (before !== MISSING && after !== MISSING && typeOf(before) !== typeOf(after)) {
    return childrenOf(after, after);  // another kind of thing: its entries are new as a whole
  }
  return fields(/** @type {JsonObject} */ (before ?? {}), /** @type {JsonObject} */ (after ?? {}));
}

/**
 * @param {JsonList | undefined} before
 * @param {JsonList | undefined} after
 * @returns {Child[]}
 */
function items(before, after) {
  const one = before ?? [];
  const other = after ?? [];
  return pairItems(one, other).map(([i, j]) => ({
    token: j < 0 ? `${i}\u0000was` : String(j),
    label: String(j < 0 ? i : j),
    before: i < 0 ? MISSING : one[i],
    after: j < 0 ? MISSING : other[j],
  }));
}

/**
 * @param {JsonObject} before
 * @param {JsonObject} after
 * @returns {Child[]}
 */
function fields(before, after) {
  const names = Object.keys(after);
  let place = 0;
  for (const name of Object.keys(before)) {
    if (Object.hasOwn(after, name)) place = names.indexOf(name) + 1;
    else names.splice(place++, 0, name);
  }
  return names.map((name) => ({
    token: name.replaceAll("~", "~0").replaceAll("/", "~1"),
    label: name,
    before: Object.hasOwn(before, name) ? before[name] : MISSING,
    after: Object.hasOwn(after, name) ? after[name] : MISSING,
  }));
}

/**
 * @param {Json | undefined} before
 * @param {Json | undefined} after
 * @returns {Mark}
 */
function markOf(before, after) {
  if (before === MISSING) return after === MISSING ? "" : "added";
  if (after === MISSING) return "removed";
  if (equal(before, after)) return "";
  const type = typeOf(before);
  return (type === "object" || type === "list") && type === typeOf(after) ? "inside" : "changed";
}

/**
 * @param {Json} value
 * @returns {"object" | "list" | "string" | "number" | "boolean" | "null"}
 */
function typeOf(value) {
  if (value === null) return "null";
  if (Array.isArray(value)) return "list";
  const type = typeof value;
  if (type === "string" || type === "number" || type === "boolean") return type;
  return "object";
}

/**
 * @param {Json} value
 * @returns {number}
 */
function sizeOf(value) {
  if (typeof value !== "object" || value === null) return 0;
  return Array.isArray(value) ? value.length : Object.keys(value).length;
}

/**
 * @param {string} text
 * @returns {boolean}
 */
function isLong(text) {
  return text.length > TEXT_MAX || text.includes("\n");
}

/**
 * Return a value in one line, with what is left out said.
 * @param {Json} value
 * @param {number} [most] Characters of a text.
 * @returns {string}
 */
export function preview(value, most = TEXT_MAX) {
  if (typeof value === "string") {
    if (value.length <= most) return JSON.stringify(value);
    return `${JSON.stringify(value.slice(0, most))} … ${(value.length - most).toLocaleString("en")} more characters`;
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const list = Array.isArray(value);
  const all = list ? value.length : Object.keys(value).length;
  if (all === 0) return list ? "[]" : "{}";
  const shown = list
    ? value.slice(0, PREVIEW_ENTRIES).map((item) => brief(item))
    : Object.entries(value).slice(0, PREVIEW_ENTRIES).map(([name, item]) => `${name}: ${brief(item)}`);
  const more = all > shown.length ? `, … ${(all - shown.length).toLocaleString("en")} more` : "";
  return list ? `[${shown.join(", ")}${more}]` : `{${shown.join(", ")}${more}}`;
}

/**
 * @param {Json} value
 * @returns {string}
 */
function brief(value) {
  if (typeof value === "string") return preview(value, 24);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const size = sizeOf(value);
  return Array.isArray(value) ? `[${size || ""}]` : size ? "{…}" : "{}";
}

/**
 * Count what changed, at the places themselves.
 * @param {Json | undefined} before
 * @param {Json | undefined} after
 * @returns {number}
 */
export function countChanges(before, after) {
  const mark = markOf(before, after);
  if (mark !== "inside") return mark ? 1 : 0;
  return childrenOf(before, after).reduce(
    (sum, child) => sum + countChanges(child.before, child.after),
    0,
  );
}
