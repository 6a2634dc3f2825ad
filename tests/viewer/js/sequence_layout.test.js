import assert from "node:assert/strict";
import { test } from "node:test";

import { layoutSequence } from "../../../agentmesh/viewer/static/logic/sequence_layout.js";

/**
 * @param {number} number
 * @param {string} lane
 * @param {number} [cause]
 * @param {string} [source]
 */
const event = (number, lane, cause = -1, source = "") => ({ number, lane, cause, source });

const TALK = [
  event(10, "root"),
  event(11, "a", 10, "root"),
  event(12, "b", 10, "root"),
  event(13, "a", 11, "a"),
  event(14, "root", 13, "a"),
];

test("each event has a row of its own, and arrows lead from cause to effect", () => {
  const { lanes, rows, arrows, height } = layoutSequence(TALK);
  assert.deepEqual([...rows], [0, 1, 2, 3, 4]);
  assert.equal(height, 5);
  for (const arrow of arrows) assert.ok(arrow.start < arrow.end);
  assert.equal(lanes[arrows[0].from], "root");
});

test("compact rows hold events that know nothing of each other side by side", () => {
  const { rows, height } = layoutSequence(TALK, { compact: true });
  assert.deepEqual([...rows], [0, 1, 1, 2, 3]);
  assert.equal(height, 4);
});

test("an effect stays on its lifeline, from the row where it began", () => {
  const { effects, arrows } = layoutSequence(TALK);
  assert.deepEqual(effects.map(({ start, end, depth }) => [start, end, depth]), [[1, 3, 0]]);
  assert.equal(arrows.length, 3);
});

test("effects that are open at once stand beside each other", () => {
  const { effects } = layoutSequence([
    event(0, "a"), event(1, "a", 0, "a"), event(2, "a", 0, "a"), event(3, "a", 2, "a"),
  ]);
  assert.deepEqual(effects.map((each) => each.depth).sort(), [0, 0, 1]);
});

test("what came from before the window begins at its edge", () => {
  const { arrows, effects } = layoutSequence([event(50, "a", 7, "z"), event(51, "a", 8, "a")]);
  assert.deepEqual([arrows[0].start, arrows[0].from, effects[0].start], [-1, -1, -1]);
});

test("lifelines that talk to each other stand side by side, and pinned ones come first", () => {
  const chat = [event(0, "root"), event(1, "a", 0, "root"), event(2, "x"), event(3, "b", 1, "a"),
    event(4, "a", 3, "b"), event(5, "b", 4, "a"), event(6, "x", 0, "root")];
  const { lanes } = layoutSequence(chat, { pinned: ["root", "nobody"] });
  assert.equal(lanes[0], "root");
  assert.equal(Math.abs(lanes.indexOf("a") - lanes.indexOf("b")), 1);
});

test("a lifeline is drawn from its first to its last event", () => {
  const { lanes, spans } = layoutSequence(TALK);
  assert.deepEqual(spans[lanes.indexOf("a")], [1, 3]);
});

test("an empty window is an empty drawing", () => {
  assert.equal(layoutSequence([]).height, 0);
});
