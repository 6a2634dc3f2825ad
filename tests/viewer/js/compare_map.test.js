import assert from "node:assert/strict";
import { test } from "node:test";

import { alignRuns, CONTENT, ONLY } from "../../../agentmesh/viewer/static/logic/alignment.js";
import { lanesOf, madeUp, strips } from "../../../agentmesh/viewer/static/logic/compare_map.js";

const ONE = { agents: ["a", "b"], agent: [0, 1, 0], identity: [1, 2, 3], content: [1, 1, 1], doings: [1, 1, 1] };
const OTHER = { agents: ["b", "a"], agent: [1, 0, 1], identity: [1, 2, 4], content: [1, 9, 1], doings: [1, 1, 1] };

test("agents that part first come first", () => {
  const { lanes } = lanesOf(alignRuns(ONE, OTHER), ONE, OTHER);
  assert.deepEqual(lanes.map((lane) => [lane.address, lane.differing, lane.first]), [["b", 1, 1], ["a", 2, 2]]);
});

test("each run has its strip, and a pixel shows what differs most", () => {
  const aligned = alignRuns(ONE, OTHER);
  const { laneOfRow } = lanesOf(aligned, ONE, OTHER);
  const found = strips(aligned, laneOfRow, 2, 4);
  assert.deepEqual([...found.slice(0, 4)], [0, CONTENT + 1, 0, 0]);
  assert.deepEqual([...found.slice(8, 12)], [1, 0, ONLY + 1, 0]);
  assert.deepEqual([...found.slice(12, 16)], [1, 0, 0, ONLY + 1]);
  assert.deepEqual([...strips(aligned, laneOfRow, 1, 1)], [CONTENT + 1, CONTENT + 1]);
});

test("where identities are not known, agents are the same as long as the server says so", () => {
  const events = { agent: [0, 0, 0], step: [0, 1, 2], agents: ["a"], rows: 3 };
  const [sameUntil, numbers] = [new Map([["a", 2]]), new Map([["a", 0]])];
  const { partner } = alignRuns(madeUp(events, sameUntil, numbers, 0), madeUp(events, sameUntil, numbers, 1));
  assert.deepEqual([...partner], [0, 1, -1]);
});
