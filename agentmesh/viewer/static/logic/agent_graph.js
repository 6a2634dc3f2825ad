/**
 * Who works for whom in a run: agents, or their types, and what went between them. No DOM in here.
 *
 * Edges are messages that ask for work; answers are not drawn, they are the wait of what they answer.
 */

import { MESSAGE_KINDS, OUTCOMES } from "../data/run_data.js";

/** @typedef {import("../data/run_data.js").RunData} RunData */

/**
 * @typedef {object} GraphNode
 * @property {string} id
 * @property {string} type
 * @property {string} key Of an agent; empty for a type.
 * @property {number[]} agents Their numbers.
 * @property {number} turns
 * @property {number} events
 * @property {number} busy Nanoseconds of its turns, from their beginnings to their ends.
 * @property {number} queued Nanoseconds that messages waited in its mailbox.
 * @property {number} longest The longest wait of one message.
 * @property {number} effects
 * @property {number} tokens
 * @property {number} cost USD; NaN if the price of something is not known.
 * @property {number} failures
 */

/**
 * @typedef {object} GraphEdge
 * @property {string} from
 * @property {string} to
 * @property {number} messages
 * @property {number} asks
 * @property {number} waited Nanoseconds from asks to their answers.
 * @property {number} longest
 * @property {number} failures
 * @property {number} tokens Of the turns that its messages started.
 * @property {number} cost
 * @property {Map<string, number>} handlers How many messages each handler got.
 * @property {number} first Row of its first message.
 */

/** @typedef {{nodes: GraphNode[], edges: GraphEdge[]}} AgentGraph */

const WORK = new Set(["tell", "ask", "spawn", "monitor"]);
const FAILURES = new Set(["failed", "expired", "dead"]);

/**
 * Gather the graph.
 * @param {RunData} run
 * @param {boolean} byType Whether agents of a type are one node.
 * @returns {AgentGraph}
 */
export function agentGraph(run, byType) {
  const ids = run.agents.map((agent) => (byType ? agent.type : agent.address));
  const nodes = nodesOf(run, ids, byType);
  return { nodes: [...nodes.values()], edges: edgesOf(run, ids) };
}

/**
 * @param {RunData} run
 * @param {string[]} ids
 * @param {boolean} byType
 * @returns {Map<string, GraphNode>}
 */
function nodesOf(run, ids, byType) {
  /** @type {Map<string, GraphNode>} */
  const nodes = new Map();
  run.agents.forEach((agent, number) => {
    const id = ids[number];
    const node = nodes.get(id) ?? {
      id, type: agent.type, key: byType ? "" : agent.key, agents: [], turns: 0, events: 0, busy: 0,
      queued: 0, longest: 0, effects: 0, tokens: 0, cost: 0, failures: 0,
    };
    node.agents.push(number);
    node.turns += agent.turns;
    node.events += agent.events;
    node.effects += agent.effects;
    node.tokens += agent.input_tokens + agent.output_tokens;
    node.cost += agent.cost_usd ?? NaN;
    node.failures += agent.failures;
    nodes.set(id, node);
  });
  addTimes(run, ids, nodes);
  return nodes;
}

/**
 * @param {RunData} run
 * @param {string[]} ids
 * @param {Map<string, GraphNode>} nodes
 */
function addTimes(run, ids, nodes) {
  const { turns } = run;
  const [agent, delivered, begin, end] = ["agent", "delivered", "begin", "end"].map((name) => turns.column(name));
  for (let row = 0; row < turns.rows; row++) {
    const node = nodes.get(ids[agent[row]]);
    if (!node) continue;
    const waited = begin[row] - delivered[row];
    if (waited > 0) {
      node.queued += waited;
      node.longest = Math.max(node.longest, waited);
    }
    if (end[row] > begin[row]) node.busy += end[row] - begin[row];
  }
}

/**
 * @param {RunData} run
 * @param {string[]} ids
 * @returns {GraphEdge[]}
 */
function edgesOf(run, ids) {
  const { messages } = run;
  const names = ["src", "dst", "kind", "handler", "sent", "answered", "outcome", "tokens", "cost"];
  const [src, dst, kind, handler, sent, answered, outcome, tokens, cost] = names.map((name) => messages.column(name));
  /** @type {Map<string, GraphEdge>} */
  const edges = new Map();
  for (let row = 0; row < messages.rows; row++) {
    const what = MESSAGE_KINDS[kind[row]];
    const [from, to] = [ids[src[row]], ids[dst[row]]];
    if (!WORK.has(what) || from === undefined || to === undefined) continue;
    const edge = edgeBetween(edges, from, to, row);
    edge.messages++;
    if (what === "ask") edge.asks++;
    const waited = answered[row] - sent[row];
    if (waited > 0) {
      edge.waited += waited;
      edge.longest = Math.max(edge.longest, waited);
    }
    if (FAILURES.has(OUTCOMES[outcome[row]])) edge.failures++;
    edge.tokens += tokens[row];
    edge.cost += cost[row];
    const name = run.word("handlers", handler[row]) || what;
    edge.handlers.set(name, (edge.handlers.get(name) ?? 0) + 1);
  }
  return [...edges.values()];
}

/**
 * @param {Map<string, GraphEdge>} edges
 * @param {string} from
 * @param {string} to
 * @param {number} row
 * @returns {GraphEdge}
 */
function edgeBetween(edges, from, to, row) {
  const id = `${from}\u0000${to}`;
  let edge = edges.get(id);
  if (!edge) {
    edge = {
      from, to, messages: 0, asks: 0, waited: 0, longest: 0, failures: 0, tokens: 0, cost: 0, handlers: new Map(), first: row,
    };
    edges.set(id, edge);
  }
  return edge;
}

/** @typedef {"messages" | "waits" | "cost"} Measure */

/**
 * What is measured of a node, for its bar.
 * @param {GraphNode} node
 * @param {Measure} measure
 * @returns {number}
 */
export function nodeValue(node, measure) {
  if (measure === "messages") return node.turns;
  return measure === "waits" ? node.queued : node.cost > 0 ? node.cost : node.tokens;
}

/**
 * What is measured of an edge, for its width.
 * @param {GraphEdge} edge
 * @param {Measure} measure
 * @returns {number}
 */
export function edgeValue(edge, measure) {
  if (measure === "messages") return edge.messages;
  return measure === "waits" ? edge.waited : edge.cost > 0 ? edge.cost : edge.tokens;
}
