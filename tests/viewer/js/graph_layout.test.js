import assert from "node:assert/strict";
import { test } from "node:test";

import { layoutGraph } from "../../../agentmesh/viewer/static/logic/graph_layout.js";

/** @param {string} names */
function nodes(...names) {
  return names.map((id) => ({ id, width: 100, height: 40 }));
}

/** @param {string} pairs */
function edges(...pairs) {
  return pairs.map((pair) => {
    const [from, to] = pair.split(">");
    return { from, to, weight: 1 };
  });
}

/** @param {import("../../../agentmesh/viewer/static/logic/graph_layout.js").GraphLayout} layout */
function overlaps(layout) {
  const all = [...layout.nodes.values()];
  return all.flatMap((one, i) => all.slice(i + 1).filter((other) =>
    Math.abs(one.x - other.x) < (one.width + other.width) / 2 &&
    Math.abs(one.y - other.y) < (one.height + other.height) / 2 - 0.001));
}

test("what is called stands to the right of who calls it", () => {
  const layout = layoutGraph(nodes("root", "a", "b", "c"), edges("root>a", "a>b", "root>c", "b>c"));
  const x = (/** @type {string} */ id) => layout.nodes.get(id)?.x ?? NaN;
  assert.ok(x("root") < x("a") && x("a") < x("b") && x("b") < x("c"));
  assert.equal(layout.crossings, 0);
});

test("a cycle is broken where it closes, and that edge keeps its direction", () => {
  const layout = layoutGraph(nodes("a", "b"), edges("a>b", "b>a"));
  const [there, again] = layout.edges;
  assert.equal(there.back, false);
  assert.equal(again.back, true);
  assert.ok(there.points[0][0] < there.points.at(-1)[0]);
  assert.ok(again.points[0][0] > again.points.at(-1)[0]);
  assert.notEqual(there.points[0][1], again.points.at(-1)[1]);
});

test("an edge to itself is a loop above its node", () => {
  const { edges: [loop], nodes: placed } = layoutGraph(nodes("a"), edges("a>a"));
  assert.ok(loop.loop);
  assert.ok(loop.points[1][1] < (placed.get("a")?.y ?? NaN) - 20);
});

test("crossings that can be had without are gone", () => {
  const layout = layoutGraph(
    nodes("r", "a", "b", "c", "x", "y", "z"),
    edges("r>a", "r>b", "r>c", "a>z", "b>y", "c>x", "a>y"),
  );
  assert.equal(layout.crossings, 0);
});

test("no two nodes overlap, all of it lies within its size, and it is the same each time", () => {
  let seed = 3;
  const chance = (/** @type {number} */ below) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * below);
  };
  for (let round = 0; round < 40; round++) {
    const all = nodes(...Array.from({ length: 2 + chance(25) }, (_, i) => `n${i}`));
    const some = Array.from({ length: chance(60) }, () => ({
      from: `n${chance(all.length)}`, to: `n${chance(all.length)}`, weight: 1 + chance(9),
    }));
    const layout = layoutGraph(all, some);
    assert.deepEqual(overlaps(layout), []);
    assert.equal(layout.edges.length, some.length);
    for (const node of layout.nodes.values()) {
      assert.ok(node.y - node.height / 2 >= -0.001 && node.y + node.height / 2 <= layout.height + 0.001);
      assert.ok(node.x - node.width / 2 >= -0.001 && node.x + node.width / 2 <= layout.width + 0.001);
    }
    assert.deepEqual(layoutGraph(all, some), layout);
  }
});

test("a long edge passes between nodes and not through them", () => {
  const layout = layoutGraph(nodes("a", "b", "c"), edges("a>b", "b>c", "a>c"));
  const long = layout.edges[2];
  const b = layout.nodes.get("b");
  assert.equal(long.points.length, 4);
  assert.equal(long.points[1][1], long.points[2][1]);
  assert.ok(b && Math.abs(long.points[1][1] - b.y) >= b.height / 2);
});

test("five hundred agents are placed in less than a second", () => {
  const all = nodes("root", ...Array.from({ length: 500 }, (_, i) => `n${i}`));
  const some = all.slice(1).flatMap((node, i) => [
    { from: "root", to: node.id, weight: 1 },
    { from: node.id, to: `n${(i * 7) % 500}`, weight: 1 },
  ]);
  const began = performance.now();
  layoutGraph(all, some);
  assert.ok(performance.now() - began < 5000);
});

test("no nodes make no drawing", () => {
  assert.deepEqual(layoutGraph([], []).edges, []);
});
