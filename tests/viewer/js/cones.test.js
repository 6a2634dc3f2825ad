import assert from "node:assert/strict";
import { test } from "node:test";

import { chain, future, NEVER, past } from "../../../agentmesh/viewer/static/logic/cones.js";

/** Events of agents that send each other messages, in the run order. @param {number} seed */
function someEvents(seed, agents = 4, rows = 120) {
  const next = () => ((seed = (seed * 1103515245 + 12345) >>> 0) / 2 ** 32);
  const events = { rows, agent: new Int32Array(rows), step: new Int32Array(rows), cause: new Int32Array(rows) };
  const steps = new Int32Array(agents);
  for (let row = 0; row < rows; row++) {
    events.agent[row] = Math.floor(next() * agents);
    events.step[row] = steps[events.agent[row]]++;
    events.cause[row] = row > 0 && next() < 0.7 ? Math.floor(next() * row) : -1;
  }
  return events;
}

/** What happens before what, by looking at every pair. @param {ReturnType<typeof someEvents>} events */
function reach(events) {
  const before = Array.from({ length: events.rows }, () => new Set());
  const last = new Map();
  for (let row = 0; row < events.rows; row++) {
    for (const from of [events.cause[row], last.get(events.agent[row]) ?? -1]) {
      if (from < 0) continue;
      before[row].add(from);
      for (const each of before[from]) before[row].add(each);
    }
    last.set(events.agent[row], row);
  }
  return before;
}

test("past and future are what following every arrow finds", () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const events = someEvents(seed);
    const before = reach(events);
    for (let row = 0; row < events.rows; row += 7) {
      const [last, first] = [past(events, 4, row), future(events, 4, row)];
      for (let other = 0; other < events.rows; other++) {
        const inPast = other === row || before[row].has(other);
        const inFuture = other === row || before[other].has(row);
        assert.equal(events.step[other] <= last[events.agent[other]], inPast, `${seed}: ${other} before ${row}`);
        assert.equal(events.step[other] >= first[events.agent[other]], inFuture, `${seed}: ${other} after ${row}`);
      }
    }
  }
});

test("an event of nobody's concern has neither past nor future elsewhere", () => {
  const events = { rows: 2, agent: [0, 1], step: [0, 0], cause: [-1, -1] };
  assert.deepEqual([...past(events, 2, 0)], [0, -1]);
  assert.deepEqual([...future(events, 2, 0)], [0, NEVER]);
});

test("the chain of causes goes straight to where it began", () => {
  const events = { rows: 4, agent: [0, 1, 0, 1], step: [0, 0, 1, 1], cause: [-1, 0, 1, 2] };
  assert.deepEqual(chain(events, 3), [3, 2, 1, 0]);
  assert.deepEqual(chain(events, 3, 2), [3, 2]);
});
