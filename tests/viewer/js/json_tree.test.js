import assert from "node:assert/strict";
import { test } from "node:test";

import {
  countChanges, equal, pairItems, preview, treeRows,
} from "../../../agentmesh/viewer/static/logic/json_tree.js";

/** @typedef {import("../../../agentmesh/viewer/static/logic/json_tree.js").Json} Json */

const ALL_OPEN = { isOpen: () => true, shownOf: () => 100 };
const CLOSED = { isOpen: (/** @type {string} */ id) => id === "", shownOf: () => 100 };

/**
 * @param {Json | undefined} before
 * @param {Json | undefined} after
 */
function marks(before, after) {
  return treeRows(before, after, ALL_OPEN)
    .filter((row) => row.mark && row.mark !== "inside")
    .map((row) => `${row.mark} ${row.id.replaceAll("\u0000", "!")}`);
}

test("what changed, came and went is marked at its place, and nothing else", () => {
  const before = { left: 1, names: ["Ada"], gone: true, same: { a: 1 } };
  const after = { left: 0, names: ["Ada", "Ben"], same: { a: 1 }, fresh: null };
  assert.deepEqual(marks(before, after), [
    "changed /left", "added /names/1", "removed /gone", "added /fresh",
  ]);
  assert.equal(countChanges(before, after), 4);
});

test("nothing is marked where there is nothing to compare with", () => {
  assert.deepEqual(marks(undefined, { left: 1 }), []);
});

test("an item put in front of a list is one added item", () => {
  assert.deepEqual(marks([1, 2, 3], [0, 1, 2, 3]), ["added /0"]);
  assert.deepEqual(marks([{ a: 1 }, { a: 2 }], [{ a: 2 }]), ["removed /0!was", "removed /0!was/a"]);
});

test("an item that changed in the middle is paired with what stands there now", () => {
  const pairs = pairItems(["a", "b", "c", "d"], ["a", "B", "c", "x", "d"]);
  assert.deepEqual(pairs, [[0, 0], [1, 1], [2, 2], [-1, 3], [3, 4]]);
});

test("pairs of any two lists are in order, complete, and never lose an equal beginning or end", () => {
  let seed = 7;
  const chance = (/** @type {number} */ below) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * below);
  };
  for (let round = 0; round < 300; round++) {
    const one = Array.from({ length: chance(9) }, () => chance(4));
    const other = Array.from({ length: chance(9) }, () => chance(4));
    const pairs = pairItems(one, other);
    const left = pairs.map((pair) => pair[0]).filter((i) => i >= 0);
    const right = pairs.map((pair) => pair[1]).filter((j) => j >= 0);
    assert.deepEqual(left, [...one.keys()]);
    assert.deepEqual(right, [...other.keys()]);
  }
});

test("lists too long to be compared pair by pair still keep their ends", () => {
  const one = Array.from({ length: 900 }, (_, i) => i);
  const other = [-1, ...one.slice(0, 300), "x", ...one.slice(301)];
  const rows = treeRows(one, other, { isOpen: () => true, shownOf: () => 5 });
  const last = rows.filter((row) => row.type === "more");
  assert.equal(last.length, 1);
  assert.ok(rows.length < 310);
});

test("what changed is shown although it stands behind the entries that fit", () => {
  const before = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`a${i}`, i]));
  const rows = treeRows(before, { ...before, a49: -1 }, { isOpen: () => true, shownOf: () => 3 });
  assert.deepEqual(rows.map((row) => row.label), ["", "a0", "a1", "a2", "a49", ""]);
  assert.equal(rows.at(-1)?.count, 46);
});

test("closed nodes are not walked, and say that something below them changed", () => {
  const rows = treeRows({ deep: { a: 1 } }, { deep: { a: 2 } }, CLOSED);
  assert.deepEqual(rows.map((row) => [row.id, row.mark]), [["", "inside"], ["/deep", "inside"]]);
});

test("another kind of value is one change, and its entries are no changes of their own", () => {
  assert.deepEqual(marks({ a: [1, 2] }, { a: { b: 1 } }), ["changed /a"]);
  assert.equal(treeRows({ a: 1 }, { a: { b: 1 } }, ALL_OPEN)[1].was, "1");
});

test("long text says how much of it is left out, and opens to all of it", () => {
  const text = "x".repeat(500);
  const [row, all] = treeRows(undefined, text, ALL_OPEN);
  assert.match(row.text, /… 380 more characters$/);
  assert.equal(all.text, text);
});

test("names with slashes and tildes make pointers as RFC 6901 has them", () => {
  assert.equal(treeRows(undefined, { "a/b~c": 1 }, ALL_OPEN)[1].id, "/a~1b~0c");
});

test("one line tells of large values how much more there is", () => {
  assert.equal(preview({ a: 1, b: [1, 2], c: {}, d: "text", e: 5 }), '{a: 1, b: [2], c: {}, d: "text", … 1 more}');
  assert.equal(preview([]), "[]");
});

test("a field named as one of Object's own is a field", () => {
  const hostile = /** @type {Json} */ (JSON.parse('{"__proto__": 1, "constructor": 2}'));
  assert.equal(equal(hostile, {}), false);
  assert.deepEqual(marks({}, hostile), ["added /__proto__", "added /constructor"]);
});
