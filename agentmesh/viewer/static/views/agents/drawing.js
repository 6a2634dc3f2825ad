/** The graph of agents as SVG: boxes with a bar for what is measured, curves as wide as what went there. */

import { svg } from "../../shell/dom.js";
import { cost, duration, shortCount } from "../../logic/format.js";
import { edgeValue, nodeValue } from "../../logic/agent_graph.js";
import { pathOf, placeLabels } from "../../logic/edge_paths.js";
import { layoutGraph } from "../../logic/graph_layout.js";
import { brief, visible } from "../../logic/text.js";

/** @typedef {import("../../logic/agent_graph.js").AgentGraph} AgentGraph */
/** @typedef {import("../../logic/agent_graph.js").GraphNode} GraphNode */
/** @typedef {import("../../logic/agent_graph.js").GraphEdge} GraphEdge */
/** @typedef {import("../../logic/agent_graph.js").Measure} Measure */
/** @typedef {import("../../logic/graph_layout.js").GraphLayout} GraphLayout */

const CHARACTER = 7.2;
const HEIGHT = 54;
const NAME_MAX = 26;
const EDGE_MAX = 5;
const HEAD = 8;
const VALUE = 11;
const LABEL = 18;
export const MARGIN = 36;

/**
 * Place the graph.
 * @param {AgentGraph} graph
 * @returns {GraphLayout}
 */
export function placeGraph(graph) {
  const width = Math.max(120, ...graph.nodes.flatMap((node) => [
    widthOf(title(node)), widthOf(`${second(node)}${" ".repeat(VALUE)}`),
  ]));
  const nodes = graph.nodes.map((node) => ({ id: node.id, height: HEIGHT, width }));
  return layoutGraph(nodes, graph.edges.map((edge) => ({ from: edge.from, to: edge.to, weight: edge.messages })));
}

/** @param {string} words */
function widthOf(words) {
  return Math.min(words.length, NAME_MAX + VALUE) * CHARACTER + 26;
}

/** @param {GraphNode} node */
function title(node) {
  return visible(node.type);
}

/** @param {GraphNode} node */
function second(node) {
  return node.key ? visible(node.key) : node.agents.length > 1 ? `${node.agents.length} agents` : "";
}

/**
 * Draw the graph.
 * @param {AgentGraph} graph
 * @param {GraphLayout} layout
 * @param {Measure} measure
 * @returns {SVGElement}
 */
export function drawGraph(graph, layout, measure) {
  const most = Math.max(1e-12, ...graph.edges.map((edge) => edgeValue(edge, measure)));
  const highest = Math.max(1e-12, ...graph.nodes.map((node) => nodeValue(node, measure)));
  const order = layout.edges.map((_, place) => place)
    .sort((a, b) => edgeValue(edgeOf(graph, layout, b), measure) - edgeValue(edgeOf(graph, layout, a), measure));
  const texts = order.map((place) => edgeText(edgeOf(graph, layout, place), measure));
  const places = placeLabels(
    order.map((place, n) => ({
      points: layout.edges[place].points, loop: layout.edges[place].loop,
      width: texts[n].length * 6.4 + 10, height: LABEL,
    })),
    [...layout.nodes.values()],
  );
  return svg(
    "svg",
    { class: "graph-svg", role: "group", "aria-label": `${graph.nodes.length} nodes, ${graph.edges.length} edges` },
    svg("defs", {}, svg(
      "marker",
      { id: "graph-arrow", viewBox: "0 0 10 10", refX: 1, refY: 5, markerWidth: 11, markerHeight: 11, markerUnits: "userSpaceOnUse", orient: "auto" },
      svg("path", { d: "M0 0 9 5 0 10z", class: "graph-head" }),
    )),
    ...[...order].reverse().map((place) => edgePath(graph, layout, place, measure, most)),
    ...order.map((place, n) => edgeLabel(graph, layout, place, texts[n], places[n])),
    ...graph.nodes.map((node) => nodeBox(node, layout, measure, highest)),
  );
}

/**
 * @param {AgentGraph} graph
 * @param {GraphLayout} layout
 * @param {number} place
 * @returns {GraphEdge}
 */
function edgeOf(graph, layout, place) {
  return graph.edges[layout.edges[place].edge];
}

/**
 * @param {GraphEdge} edge
 * @param {Measure} measure
 * @returns {string}
 */
export function edgeText(edge, measure) {
  if (measure === "messages") return shortCount(edge.messages);
  if (measure === "waits") return edge.asks ? duration(edge.waited, 2) : "–";
  return edge.cost > 0 ? cost(edge.cost) : edge.tokens ? `${shortCount(edge.tokens)} tok` : "–";
}

/**
 * @param {GraphNode} node
 * @param {Measure} measure
 * @returns {string}
 */
export function nodeText(node, measure) {
  if (measure === "messages") return node.turns === 1 ? "1 turn" : `${shortCount(node.turns)} turns`;
  if (measure === "waits") return node.queued ? `queue ${duration(node.queued, 2)}` : "no queue";
  return node.cost > 0 ? cost(node.cost) : node.tokens ? `${shortCount(node.tokens)} tokens` : "no model";
}

/**
 * @param {AgentGraph} graph
 * @param {GraphLayout} layout
 * @param {number} place
 * @param {Measure} measure
 * @param {number} most
 */
function edgePath(graph, layout, place, measure, most) {
  const { points, loop } = layout.edges[place];
  const edge = edgeOf(graph, layout, place);
  const share = edgeValue(edge, measure) / most;
  return svg("path", {
    class: `graph-edge ${edge.failures ? "is-failed" : ""} ${share ? "" : "is-none"}`, d: pathOf(shortened(points, loop), loop),
    "stroke-width": 1.2 + (EDGE_MAX - 1.2) * Math.sqrt(share), "marker-end": "url(#graph-arrow)",
    "data-edge": layout.edges[place].edge,
  });
}

/**
 * Leave room for the head.
 * @param {[number, number][]} points
 * @param {boolean} loop
 * @returns {[number, number][]}
 */
function shortened(points, loop) {
  const [x, y] = points[points.length - 1];
  const [before] = points[points.length - 2];
  return [...points.slice(0, -1), loop ? [x, y - HEAD] : [x - Math.sign(x - before) * HEAD, y]];
}

/**
 * @param {AgentGraph} graph
 * @param {GraphLayout} layout
 * @param {number} place
 * @param {string} words
 * @param {[number, number]} at
 */
function edgeLabel(graph, layout, place, words, [x, y]) {
  const edge = edgeOf(graph, layout, place);
  const width = words.length * 6.4 + 10;
  const label = svg("text", { x, y: y + 4, "text-anchor": "middle" });
  label.textContent = words;
  const many = edge.messages === 1 ? "1 message" : `${edge.messages} messages`;
  return svg(
    "g",
    {
      class: `graph-label ${edge.failures ? "is-failed" : ""}`, "data-edge": layout.edges[place].edge, tabindex: 0, role: "button",
      "aria-label": visible(`${words}: ${edge.from} to ${edge.to}, ${many}, waited ${duration(edge.waited)}`),
    },
    svg("rect", { x: x - width / 2, y: y - LABEL / 2, width, height: LABEL, rx: 9 }),
    label,
  );
}

/**
 * @param {GraphNode} node
 * @param {GraphLayout} layout
 * @param {Measure} measure
 * @param {number} highest
 */
function nodeBox(node, layout, measure, highest) {
  const placed = layout.nodes.get(node.id);
  if (!placed) return svg("g");
  const [x, y] = [placed.x - placed.width / 2, placed.y - placed.height / 2];
  const share = Math.max(0, nodeValue(node, measure) / highest);
  const line = (/** @type {string} */ words, /** @type {number} */ dx, /** @type {number} */ dy, /** @type {string} */ names, anchor = "start") => {
    const made = svg("text", { x: x + dx, y: y + dy, class: names, "text-anchor": anchor });
    made.textContent = words;
    return made;
  };
  const sub = second(node);
  return svg(
    "g",
    {
      class: `graph-node ${node.failures ? "is-failed" : ""}`, "data-node": node.id, tabindex: 0, role: "button",
      "aria-label": `${title(node)} ${sub} ${nodeText(node, measure)}, ${node.events} events${node.failures ? `, ${node.failures} failures` : ""}`,
    },
    svg("rect", { class: "node-box", x, y, width: placed.width, height: placed.height, rx: 9 }),
    line(brief(title(node), NAME_MAX), 13, 21, "node-title"), document.createTextNode(" "),
    line(brief(sub, NAME_MAX), 13, 38, "node-key"), document.createTextNode(" "),
    line(nodeText(node, measure), placed.width - 13, 38, "node-value", "end"),
    svg("rect", { class: "node-bar-ground", x: x + 13, y: y + placed.height - 9, width: placed.width - 26, height: 3, rx: 1.5 }),
    svg("rect", { class: "node-bar", x: x + 13, y: y + placed.height - 9, width: Math.max((placed.width - 26) * share, share ? 2 : 0), height: 3, rx: 1.5 }),
  );
}
