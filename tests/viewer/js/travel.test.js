import assert from "node:assert/strict";
import { test } from "node:test";

import { happeningsOf } from "../../../agentmesh/viewer/static/logic/happenings.js";
import { cutAt, placeOf, stepFrom, stripCells } from "../../../agentmesh/viewer/static/logic/travel.js";
import { runOf } from "./recorded.js";

const RUN = runOf(
  ["desk/root", "Stock/main"],
  [
    ["desk/root", "started"], ["desk/root", "delivered", -1, 1], ["Stock/main", "started", 1], ["Stock/main", "delivered", 1, 1],
    ["desk/root", "delivered", 3, 1], ["Stock/main", "delivered", 4, 2], ["Stock/main", "delivered", 4, 3], ["desk/root", "finished", 4, 1],
  ],
  {
    turns: [
      { agent: "desk/root", turn: 1, handler: "run", deliver_step: 1 },
      { agent: "Stock/main", turn: 1, handler: "look", deliver_step: 1 },
      { agent: "Stock/main", turn: 2, handler: "reserve", deliver_step: 2 },
      { agent: "Stock/main", turn: 3, handler: "look", deliver_step: 3 },
    ],
    messages: [
      { src: "desk/root", dst: "Stock/main", dst_step: 1, kind: "ask", handler: "look" },
      { src: "Stock/main", dst: "desk/root", dst_step: 2, kind: "reply" },
      { src: "outside", dst: "desk/root", dst_step: 1, kind: "ask", handler: "run" },
    ],
    effects: [{ agent: "desk/root", last_step: 3, kind: "model", name: "POST /v1", model: "small" }],
  },
);

test("a cut has of each agent the latest step up to an event", () => {
  assert.deepEqual([...cutAt(RUN, 0)], [0, -1]);
  assert.deepEqual([...cutAt(RUN, 4)], [2, 1]);
  assert.deepEqual([...cutAt(RUN, 7)], [3, 3]);
});

test("one goes on by event, by agent and by handler, and stops at the ends", () => {
  assert.equal(stepFrom(RUN, 3, "event", 1), 4);
  assert.equal(stepFrom(RUN, 3, "agent", 1), 5);
  assert.equal(stepFrom(RUN, 3, "handler", 1), 6);
  assert.equal(stepFrom(RUN, 6, "handler", -1), 3);
  assert.equal(stepFrom(RUN, 7, "event", 1), -1);
  assert.equal(stepFrom(RUN, 0, "agent", -1), -1);
  assert.equal(stepFrom(RUN, 5, "handler", 1), -1);
});

test("an event without a turn has no handler to go on by", () => {
  assert.equal(stepFrom(RUN, 2, "handler", 1), -1);
});

test("a strip shows who did what, and what matters most where several fall together", () => {
  const cells = stripCells(RUN, 8, 2, [2, 3, 4, 7, 1, 0, 6, 5]);
  assert.equal(cells[0], 1);
  assert.equal(cells[3 * 2 + 1], 2);
  assert.deepEqual([...stripCells(RUN, 1, 1, [2, 3, 4, 7, 1, 0, 6, 5])], [3]);
});

test("an event says what it is, in a word and in a few", () => {
  const happenings = happeningsOf(RUN);
  assert.equal(happenings.label(3), "look");
  assert.equal(happenings.words(3), "ask look from desk/root");
  assert.equal(happenings.words(4), "reply from Stock/main");
  assert.equal(happenings.words(1), "ask run from outside");
  assert.equal(happenings.words(7), "model small finished");
  assert.equal(happenings.hue(7), "model");
  assert.equal(happenings.source(3), 0);
  assert.equal(happenings.source(1), -1);
  assert.equal(happeningsOf(RUN), happenings);
});

test("a place is a file's name and its line", () => {
  assert.equal(placeOf("/home/ada/desk.py", 12), "desk.py:12");
});
