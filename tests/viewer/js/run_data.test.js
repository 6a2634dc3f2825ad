import assert from "node:assert/strict";
import { test } from "node:test";

import { barOf, makeBars, stepOf } from "../../../agentmesh/viewer/static/logic/bars.js";
import { runOf } from "./recorded.js";

const RUN = runOf(
  ["main/root", "Stock/main"],
  [["main/root", "started"], ["main/root", "delivered", -1, 1], ["Stock/main", "started", 1], ["Stock/main", "delivered", 1, 1], ["Stock/main", "finished", 3, 1]],
  {
    turns: [
      { agent: "main/root", turn: 1, handler: "run", deliver_step: 1, begin: 1, end: NaN },
      { agent: "Stock/main", turn: 1, handler: "look", deliver_step: 1, begin: 3, end: 4 },
    ],
    effects: [{ agent: "Stock/main", last_step: 2, kind: "model", name: "POST" }],
  },
);

Object.assign(RUN.turns.columns, { outcome: [0, 1] });
Object.assign(RUN.effects.columns, { begin: [3], end: [4], status: [1], first_step: [1] });
Object.assign(RUN.turns.columns, { first_step: [1, 1], last_step: [1, 2] });

test("an event has a reference and a number, and each finds the other", () => {
  for (let row = 0; row < RUN.count; row++) assert.equal(RUN.find(RUN.reference(row)), row);
  assert.equal(RUN.reference(3), "Stock/main@1");
  assert.equal(RUN.find("3"), 3);
});

test("what names no event is none", () => {
  for (const name of ["", "Stock/main@9", "Nobody@0", "Stock/main@-1", "Stock/main@x", "99", "@", "Stock/main@"]) {
    assert.equal(RUN.find(name), -1, name);
  }
  assert.equal(RUN.reference(-1), "");
  assert.equal(RUN.reference(5), "");
});

test("neighbours are of the same agent", () => {
  assert.equal(RUN.neighbour(3, 1), 4);
  assert.equal(RUN.neighbour(3, -1), 2);
  assert.equal(RUN.neighbour(4, 1), -1);
  assert.equal(RUN.neighbour(0, -1), -1);
});

test("an event belongs to the effect that it ends, or to its turn", () => {
  const axis = { logical: true, total: 5, place: () => 0, time: () => 0 };
  const bars = makeBars(RUN, axis);

  assert.equal(barOf(RUN, bars, 1), 0);
  assert.equal(barOf(RUN, bars, 3), 1);
  assert.equal(barOf(RUN, bars, 4), 2);
  assert.equal(barOf(RUN, bars, 2), -1);
  assert.equal(stepOf(RUN, bars, 2), 2);
});
