import assert from "node:assert/strict";
import { test } from "node:test";

import {
  alignRuns, CONTENT, DOINGS, foldSame, MOVED, ONLY, SAME,
} from "../../../agentmesh/viewer/static/logic/alignment.js";

/**
 * A run in short: `a1` is the event with identity 1 of agent a; `a1!` with another content,
 * `a1?` with another doing.
 * @param {string} text
 */
function side(text) {
  const words = text.split(" ").filter(Boolean);
  const agents = [...new Set(words.map((word) => word[0]))].sort();
  return {
    agents,
    agent: words.map((word) => agents.indexOf(word[0])),
    identity: words.map((word) => BigInt(word.charCodeAt(0) * 100 + parseInt(word.slice(1), 10))),
    content: words.map((word) => (word.endsWith("!") ? 2n : 1n)),
    doings: words.map((word) => (word.endsWith("?") ? 2n : 1n)),
  };
}

/**
 * @param {string} one
 * @param {string} other
 */
function shown(one, other) {
  const [left, right] = [one.split(" "), other.split(" ")];
  const { rows, rowKinds } = alignRuns(side(one), side(other));
  return [...rowKinds].map((kind, row) =>
    [left[rows[2 * row]] ?? "-", right[rows[2 * row + 1]] ?? "-", kind]);
}

test("runs that are the same have no first difference", () => {
  const aligned = alignRuns(side("a1 b1 a2"), side("a1 b1 a2"));
  assert.equal(aligned.first, -1);
  assert.deepEqual(aligned.counts, [3, 0, 0, 0, 0]);
});

test("runs in which agents took turns otherwise are the same", () => {
  assert.equal(alignRuns(side("a1 b1 a2"), side("b1 a1 a2")).first, -1);
});

test("another content, another doing and events of one run alone are told apart", () => {
  assert.deepEqual(shown("a1 b1 b2 a3", "a1! b1? b3 a3"), [
    ["a1", "a1!", CONTENT], ["b1", "b1?", DOINGS], ["b2", "-", ONLY], ["-", "b3", ONLY], ["a3", "a3", SAME],
  ]);
});

test("of two messages that came the other way round one has moved", () => {
  const kinds = shown("a1 a2 a3 a4", "a1 a3 a2 a4").map((row) => row[2]);
  assert.equal(kinds.filter((kind) => kind === MOVED).length, 1);
  assert.equal(kinds.filter((kind) => kind === SAME).length, 3);
});

test("the same identity of another agent is another event", () => {
  const [one, other] = [side("a1"), side("a1")];
  other.agents = ["b"];
  assert.deepEqual([...alignRuns(one, other).kinds], [ONLY]);
});

test("an identity is one among those of its agent: all agents begin alike", () => {
  const make = (/** @type {number[]} */ agent) => ({
    agents: ["a", "b"], agent, identity: [7, 7], content: [1, 1], doings: [1, 1],
  });
  assert.deepEqual([...alignRuns(make([0, 1]), make([1, 0])).partner], [1, 0]);
});

test("every event of both runs is in exactly one row", () => {
  let seed = 11;
  const chance = (/** @type {number} */ below) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * below);
  };
  const any = () => [...new Set(Array.from({ length: chance(20) }, () => `${"abc"[chance(3)]}${chance(8)}`))];
  for (let round = 0; round < 200; round++) {
    const [one, other] = [any().join(" "), any().join(" ")];
    const { rows, rowKinds, counts } = alignRuns(side(one), side(other));
    const left = [...rows].filter((_, i) => i % 2 === 0 && rows[i] >= 0);
    const right = [...rows].filter((_, i) => i % 2 === 1 && rows[i] >= 0);
    assert.deepEqual(left, [...side(one).agent.keys()]);
    assert.deepEqual([...right].sort((a, b) => a - b), [...side(other).agent.keys()]);
    assert.equal(counts.reduce((sum, count) => sum + count, 0), rowKinds.length);
  }
});

test("long stretches that are the same are folded, all but a few rows around what differs", () => {
  const kinds = Uint8Array.from([...Array(20).fill(SAME), ONLY, ...Array(20).fill(SAME)]);
  assert.deepEqual(
    foldSame(kinds, { context: 2 }).map((block) => [block.kind, block.first, block.count]),
    [[-1, 0, 18], [0, 18, 1], [0, 19, 1], [ONLY, 20, 1], [0, 21, 1], [0, 22, 1], [-1, 23, 18]],
  );
  const open = foldSame(kinds, { context: 2, open: (first) => first === 0 });
  assert.equal(open.filter((block) => block.kind === -1).length, 1);
  const rows = foldSame(kinds).reduce((sum, block) => sum + block.count, 0);
  assert.equal(rows, kinds.length);
});

test("hundreds of thousands of events a side are aligned in seconds", () => {
  const count = 200_000;
  const make = (/** @type {number} */ from) => ({
    agents: ["a", "b"],
    agent: Uint8Array.from({ length: count }, (_, i) => i % 2),
    identity: Float64Array.from({ length: count }, (_, i) => (i < from ? i : i * 3)),
    content: new Float64Array(count),
    doings: new Float64Array(count),
  });
  const began = performance.now();
  const { first } = alignRuns(make(100_000), make(120_000));
  assert.equal(first, 100_000);
  assert.ok(performance.now() - began < 10_000);
});
