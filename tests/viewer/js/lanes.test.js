import assert from "node:assert/strict";
import { test } from "node:test";

import { activity } from "../../../agentmesh/viewer/static/logic/activity.js";
import { Bars } from "../../../agentmesh/viewer/static/logic/bars.js";
import { heat, STEPS } from "../../../agentmesh/viewer/static/logic/heat.js";
import { EFFECT_ROWS_MAX, layOut } from "../../../agentmesh/viewer/static/logic/lanes.js";
import { Pyramid } from "../../../agentmesh/viewer/static/logic/pyramid.js";
import { fillLine, makeLine, mix, pixelOf, putLine } from "../../../agentmesh/viewer/static/logic/raster.js";

/** Numbers that look like chance and are the same each time. @param {number} seed */
function chance(seed) {
  return () => {
    seed = (seed * 1664525 + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
}

/** @param {number} count @param {number} agents @param {number} seed @param {boolean} apart whether bars of an agent do not overlap */
function someBars(count, agents, seed, apart) {
  const next = chance(seed);
  const bars = new Bars(Math.floor(count / 2), count - Math.floor(count / 2));
  const free = new Float64Array(agents * 2);
  for (let bar = 0; bar < count; bar++) {
    const agent = Math.floor(next() * agents);
    const row = agent * 2 + (bar < bars.turns ? 0 : 1);
    bars.agent[bar] = agent;
    bars.start[bar] = apart ? free[row] + next() * 10 : next() * 1000;
    bars.end[bar] = bars.start[bar] + next() * 10;
    free[row] = bars.end[bar];
  }
  return bars;
}

const byNumber = (/** @type {number} */ one, /** @type {number} */ other) => one - other;

test("every bar is in exactly one track of its agent, by start", () => {
  const bars = someBars(500, 7, 1, false);
  const lanes = layOut(bars, 7, byNumber);
  const seen = [...lanes.sorted.subarray(0, lanes.first[lanes.first.length - 1])].sort(byNumber);
  assert.deepEqual(seen, Array.from({ length: 500 }, (_, bar) => bar));
  for (let lane = 0; lane < 7; lane++) {
    for (let track = lanes.laneFirst[lane]; track < lanes.laneFirst[lane + 1]; track++) {
      const isTurns = track - lanes.laneFirst[lane] < lanes.turnRows[lane];
      let last = -Infinity;
      for (const bar of lanes.sorted.subarray(lanes.first[track], lanes.first[track + 1])) {
        assert.equal(bars.agent[bar], lanes.order[lane]);
        assert.equal(bars.isTurn(bar), isTurns);
        assert.ok(bars.start[bar] >= last);
        last = bars.start[bar];
      }
    }
  }
});

test("bars of a row do not overlap, but for the last of many rows", () => {
  const bars = someBars(60, 3, 2, false);
  const { first, sorted, laneFirst, turnRows } = layOut(bars, 3, byNumber);
  for (let lane = 0; lane < 3; lane++) {
    const rows = laneFirst[lane + 1] - laneFirst[lane];
    for (let row = 0; row < rows; row++) {
      const isLast = row === turnRows[lane] - 1 || (row === rows - 1 && rows - turnRows[lane] >= EFFECT_ROWS_MAX);
      if (isLast) continue;
      const track = sorted.subarray(first[laneFirst[lane] + row], first[laneFirst[lane] + row + 1]);
      for (let at = 1; at < track.length; at++) assert.ok(bars.start[track[at]] >= bars.end[track[at - 1]]);
    }
  }
});

test("agents are in the order that is asked for, and only those that are", () => {
  const bars = someBars(50, 5, 3, true);
  const lanes = layOut(bars, 5, (one, other) => other - one, (agent) => agent !== 2);
  assert.deepEqual([...lanes.order], [4, 3, 1, 0]);
});

test("groups know their ends, and drawing finds what a look at each bar finds", () => {
  const bars = someBars(3000, 2, 4, true);
  const lanes = layOut(bars, 2, byNumber);
  const pyramid = new Pyramid(bars, lanes, (bar) => bars.end[bar] - bars.start[bar]);
  const end = Math.max(...bars.end);
  for (const [from, to] of [[0, end], [100, 120], [end / 2, end / 2], [-50, -1], [end + 1, end + 2]]) {
    for (let track = 0; track < pyramid.tracks; track++) {
      /** @type {number[]} */
      const found = [];
      pyramid.visit(track, from, to, 0, (_start, _end, _busy, bar) => void found.push(bar));
      const all = [...lanes.sorted.subarray(lanes.first[track], lanes.first[track + 1])];
      assert.deepEqual(found, all.filter((bar) => bars.start[bar] <= to && bars.end[bar] >= from));
    }
  }
});

test("from afar there are as many groups as pixels, they cover what their bars cover, and the heaviest is seen", () => {
  const bars = someBars(40_000, 1, 5, true);
  const failed = 777;
  const lanes = layOut(bars, 1, byNumber);
  const pyramid = new Pyramid(bars, lanes, (bar) => (bar === failed ? 1e9 : bars.end[bar] - bars.start[bar]));
  const grain = Math.max(...bars.end) / 200;
  let [count, busy, seen] = [0, 0, false];
  pyramid.visit(0, -Infinity, Infinity, grain, (start, end, covered, bar) => {
    assert.ok(end - start <= grain);
    count++;
    busy += covered;
    seen ||= bar === failed;
  });
  let whole = 0;
  for (let bar = 0; bar < bars.turns; bar++) whole += bars.end[bar] - bars.start[bar];
  assert.ok(count < 200 * 8, `${count} groups`);
  assert.ok(Math.abs(busy - whole) < 1e-6 * whole);
  assert.ok(seen);
});

test("the bar under the pointer is found, or the nearest within reach", () => {
  const bars = new Bars(3, 0);
  [[10, 20], [30, 30], [32, 40]].forEach(([start, end], bar) => {
    bars.start[bar] = start;
    bars.end[bar] = end;
  });
  const pyramid = new Pyramid(bars, layOut(bars, 1, byNumber), () => 1);
  assert.deepEqual([15, 21, 25, 30.4, 31.5, 100].map((place) => pyramid.find(0, place, 2)), [0, 0, -1, 1, 2, -1]);
});

test("narrow bars become pixels, wide ones are handed on", () => {
  const bars = new Bars(3, 0);
  [[1, 1.2], [5, 5], [10, 60]].forEach(([start, end], bar) => {
    bars.start[bar] = start;
    bars.end[bar] = end;
  });
  const pyramid = new Pyramid(bars, layOut(bars, 1, byNumber), () => 1);
  const line = makeLine(100);
  /** @type {number[][]} */
  const wide = [];
  const any = fillLine(line, pyramid, 0, 0, 1, () => 0xff0000ff, (...each) => void wide.push(each));

  assert.ok(any);
  assert.deepEqual(wide, [[2, 10, 60]]);
  assert.deepEqual([...line.pixels].flatMap((pixel, x) => (pixel ? [x] : [])), [1, 2, 5, 6]);
});

test("what failed is seen among many that did not", () => {
  const bars = someBars(4000, 1, 8, true);
  const pyramid = new Pyramid(bars, layOut(bars, 1, byNumber), (bar) => (bar === 321 ? 1e9 : 1));
  const line = makeLine(60);
  const scale = 60 / Math.max(...bars.end);
  fillLine(line, pyramid, 0, 0, scale, (bar) => (bar === 321 ? 7 : 1), () => {}, (bar) => bar === 321);

  assert.equal(line.pixels[Math.floor(bars.start[321] * scale)], 7);
});

test("a line fills its track and nothing beyond the image", () => {
  const line = makeLine(4);
  line.pixels.set([0, 0xff112233, 0, 0]);
  line.cover.set([0, 1, 0, 0]);
  const image = new Uint32Array(4 * 3);
  putLine(image, 4, -1, 3, 3, line, 0xffffffff);
  putLine(image, 4, 5, 3, 3, line, 0xffffffff);

  assert.deepEqual([...image].map((pixel) => (pixel ? 1 : 0)), [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  assert.equal(image[1], 0xff112233);
});

test("colours are pixels, and mix", () => {
  assert.equal(pixelOf("#102030"), 0xff302010);
  assert.equal(pixelOf("rgb(16, 32, 48)"), 0xff302010);
  assert.equal(mix(0xff000000, 0xffffffff, 0), 0xff000000);
  assert.equal(mix(0xff000000, 0xffffffff, 1), 0xffffffff);
});

test("values become steps of a scale by their logarithm", () => {
  const { steps, low, high } = heat([0, NaN, 1, 10, 100, -3]);
  assert.deepEqual([...steps], [0, 0, 1, 1 + Math.round((STEPS - 1) / 2), STEPS, 0]);
  assert.deepEqual([low, high], [1, 100]);
  assert.deepEqual([...heat([0, 0]).steps], [0, 0]);
});

test("the minimap adds up how long effects took", () => {
  const bars = someBars(400, 4, 6, true);
  const total = Math.max(...bars.end) + 1;
  const { busy, columns } = activity(bars, total, 50);
  let whole = 0;
  for (let bar = bars.turns; bar < bars.count; bar++) whole += bars.end[bar] - bars.start[bar];
  const sum = busy.reduce((all, each) => all + each, 0) * (total / columns);

  assert.ok(Math.abs(sum - whole) < 0.05 * whole, `${sum} of ${whole}`);
});
