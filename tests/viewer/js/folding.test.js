import assert from "node:assert/strict";
import { test } from "node:test";

import { findGaps, FoldMap } from "../../../agentmesh/viewer/static/logic/folding.js";
import { Viewport } from "../../../agentmesh/viewer/static/logic/viewport.js";
import { Scrolling } from "../../../agentmesh/viewer/static/logic/scrolling.js";

/** @param {[number, number][]} effects @param {number[]} moments @param {number} total @param {number} shortest */
function gaps(effects, moments, total, shortest) {
  const found = findGaps(
    { begin: effects.map((each) => each[0]), end: effects.map((each) => each[1]), rows: effects.length },
    [{ times: moments, rows: moments.length }], total, shortest,
  );
  return found.map(({ from, to }) => [from, to]);
}

test("a stretch in which nothing happens and nothing is under way is a gap", () => {
  assert.deepEqual(gaps([[10, 20]], [0, 25, 80], 100, 15), [[25, 80], [80, 100]]);
});

test("an effect that is under way is no gap, however long", () => {
  assert.deepEqual(gaps([[10, 90]], [0, 100], 100, 15), []);
  assert.deepEqual(gaps([[10, NaN]], [0], 100, 15), []);
});

test("moments close to each other leave no gap, wherever cells end", () => {
  const moments = Array.from({ length: 100 }, (_, at) => at * 9.9);
  assert.deepEqual(gaps([], moments, 990, 10), []);
  assert.equal(gaps([], moments, 990, 9.5).length, 100);
});

test("times that are not known do no harm", () => {
  assert.deepEqual(gaps([[NaN, NaN]], [NaN, 0, 50, Infinity], 100, 60), []);
  assert.deepEqual(gaps([], [], 0, 1), []);
});

test("folding makes gaps narrow, leaves the rest as it is, and can be undone", () => {
  const fold = new FoldMap([{ from: 10, to: 60 }, { from: 70, to: 71 }], 100, 5);

  assert.equal(fold.total, 10 + 5 + 10 + 1 + 29);
  assert.deepEqual([0, 10, 35, 60, 70, 100].map((time) => fold.fold(time)), [0, 10, 12.5, 15, 25, 55]);
  for (let time = -5; time < 110; time += 0.7) assert.ok(Math.abs(fold.unfold(fold.fold(time)) - time) < 1e-9);
});

test("zooming keeps the place under the pointer where it is", () => {
  const view = new Viewport(1000);
  view.zoom(0.1, 300);
  const share = (300 - view.from) / view.span;
  view.zoom(0.5, 300);

  assert.ok(Math.abs((300 - view.from) / view.span - share) < 1e-9);
});

test("the window never leaves the run, nor gets larger or smaller than makes sense", () => {
  const view = new Viewport(1000);
  view.pan(1e9);
  assert.ok(view.to <= 1020 && view.span <= 1040);
  view.zoom(1e-12);
  assert.equal(view.span, 1);
  view.pan(-1e9);
  assert.equal(view.from, -20);
  view.zoom(1e12);
  assert.ok(view.isFit);
});

test("what fitted fits still when the run has grown", () => {
  const view = new Viewport(100);
  view.resize(200);
  assert.ok(view.isFit);
  view.show(50, 60);
  view.resize(300);
  assert.deepEqual([view.from, view.to], [50, 60]);
  view.show(290, 301);
  view.resize(350);
  assert.deepEqual([view.from, view.to], [340, 351]);
});

test("a place is brought into view without zooming", () => {
  const view = new Viewport(1000);
  view.show(0, 100);
  view.reveal(500, 510);
  assert.ok(view.from <= 500 && view.to >= 510 && Math.abs(view.span - 100) < 1e-9);
});

test("a million rows scroll to their last, though the page is not that long", () => {
  const rows = new Scrolling(30);
  rows.count = 1_000_000;
  rows.view = 600;
  assert.ok(rows.isScaled && rows.height <= 8_000_000);
  rows.bar = rows.height - rows.view;
  assert.equal(rows.range.last, 1_000_000);
  rows.reveal(500_000);
  assert.ok(rows.range.first <= 500_000 && rows.range.last > 500_000);
  rows.moveTo(0);
  assert.deepEqual(rows.range, { first: 0, last: 20 });
});

test("few rows scroll by pixels", () => {
  const rows = new Scrolling(30);
  rows.count = 100;
  rows.view = 300;
  rows.bar = 45;
  assert.deepEqual([rows.top, rows.bar], [45, 45]);
  assert.deepEqual(rows.range, { first: 1, last: 12 });
  rows.count = 3;
  rows.moveTo(45);
  assert.equal(rows.top, 0);
});
