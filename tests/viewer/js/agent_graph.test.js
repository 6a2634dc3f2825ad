import assert from "node:assert/strict";
import { test } from "node:test";

import { agentGraph, edgeValue, nodeValue } from "../../../agentmesh/viewer/static/logic/agent_graph.js";
import { pathOf, placeLabels, pointAt } from "../../../agentmesh/viewer/static/logic/edge_paths.js";
import { runOf } from "./recorded.js";

const RUN = runOf(["root/r", "Shop/a", "Shop/b"], [["root/r", "started"]], {
  messages: [
    { src: "root/r", dst: "Shop/a", kind: "ask", handler: "buy", sent: 10, answered: 40 },
    { src: "Shop/a", dst: "root/r", kind: "reply" },
    { src: "root/r", dst: "Shop/a", kind: "tell", handler: "close", outcome: 2 },
    { src: "root/r", dst: "Shop/b", kind: "ask", handler: "buy", sent: 10, answered: 15, tokens: 7 },
    { src: "nobody", dst: "root/r", kind: "ask", handler: "run" },
  ],
  turns: [{ agent: "Shop/a", turn: 1, handler: "buy", delivered: 10, begin: 13, end: 20 }],
});

test("edges are what was asked for; answers are the wait for them", () => {
  const { edges } = agentGraph(RUN, false);
  assert.deepEqual(edges.map((edge) => [edge.from, edge.to, edge.messages, edge.asks, edge.waited, edge.failures]), [
    ["root/r", "Shop/a", 2, 1, 30, 1], ["root/r", "Shop/b", 1, 1, 5, 0],
  ]);
  assert.deepEqual([...edges[0].handlers], [["buy", 1], ["close", 1]]);
});

test("nodes know how long messages waited for them", () => {
  const { nodes } = agentGraph(RUN, false);
  const shop = nodes.find((node) => node.id === "Shop/a");
  assert.deepEqual([shop?.queued, shop?.busy, nodeValue(/** @type {any} */ (shop), "waits")], [3, 7, 3]);
});

test("agents of a type are one node, with what went to all of them on one edge", () => {
  const { nodes, edges } = agentGraph(RUN, true);
  assert.deepEqual(nodes.map((node) => [node.id, node.agents.length]), [["root", 1], ["Shop", 2]]);
  assert.deepEqual([edges[0].messages, edgeValue(edges[0], "waits"), edgeValue(edges[0], "cost")], [3, 35, 7]);
});

test("a curve goes through its ends, and its middle is in the middle", () => {
  /** @type {[number, number][]} */
  const points = [[0, 0], [100, 50]];
  assert.equal(pathOf(points), "M0 0C50 0 50 50 100 50");
  const [x, y] = pointAt(points, 0.5);
  assert.ok(Math.abs(x - 50) < 0.1 && Math.abs(y - 25) < 0.1);
  assert.ok(Math.abs(pointAt(points, 1)[1] - 50) < 0.1);
});

test("labels of edges that cross stand apart", () => {
  const label = (/** @type {[number, number][]} */ ...points) => ({ points, width: 20, height: 10, loop: false });
  const [one, other] = placeLabels([label([0, 0], [200, 100]), label([0, 100], [200, 0])], []);
  assert.ok(Math.abs(one[0] - other[0]) >= 20 || Math.abs(one[1] - other[1]) >= 10);
});
