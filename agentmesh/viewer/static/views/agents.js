/** The graph of agents: who sent work to whom, how much of it, what waited, what it cost. */

import { button, fill, h, icon, stateMessage, told } from "../shell/dom.js";
import { agentGraph } from "../logic/agent_graph.js";
import { cost, count, duration, plural } from "../logic/format.js";
import { drawGraph, edgeText, MARGIN, placeGraph } from "./agents/drawing.js";
import { Viewport } from "./agents/viewport.js";

/** @typedef {import("../shell/context.js").Context} Context */
/** @typedef {import("../logic/agent_graph.js").Measure} Measure */
/** @typedef {import("../logic/agent_graph.js").GraphNode} GraphNode */
/** @typedef {import("../logic/agent_graph.js").GraphEdge} GraphEdge */

const AGENTS_MAX = 40;
/** @type {[Measure, string][]} */
const MEASURES = [["messages", "Messages"], ["waits", "Waits"], ["cost", "Cost"]];

class Agents {
  /**
   * @param {HTMLElement} root
   * @param {Context} context
   */
  constructor(root, context) {
    this.context = context;
    this.run = context.run;
    /** @type {import("../logic/agent_graph.js").AgentGraph} */
    this.graph = { nodes: [], edges: [] };
    this.stage = h("div", { class: "graph-stage" });
    this.viewport = new Viewport(this.stage);
    this.side = h("aside", { class: "graph-side", "aria-label": "What is measured" });
    this.measures = h("div", { class: "segments", role: "group", "aria-label": "Measured" },
      MEASURES.map(([id, words]) => button(words, () => context.setParams({ measure: id === "messages" ? "" : id }), { class: "small", "data-value": id })));
    this.levels = h("div", { class: "segments", role: "group", "aria-label": "Nodes" },
      [["agents", "Agents"], ["types", "Types"]].map(([id, words]) => button(words, () => context.setParams({ nodes: id ?? "" }), { class: "small", "data-value": id })));
    this.said = h("span", { class: "muted" });
    fill(root, this._bar(), h("div", { class: "graph-body" }, this.stage, this.side));
    this.stage.addEventListener("click", (event) => this._chosen(event.target));
    this.stage.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      this._chosen(event.target);
    });
    this._bindKeys();
  }

  _bar() {
    const { viewport } = this;
    return h(
      "div",
      { class: "toolbar" },
      this.measures, this.levels, this.said,
      h("div", { class: "spacer" }),
      button(icon("minus"), () => viewport.zoom(1.25), { class: "icon small plain", title: "Smaller (-)" }),
      button(icon("plus"), () => viewport.zoom(0.8), { class: "icon small plain", title: "Larger (+)" }),
      button(icon("fit"), () => viewport.fit(), { class: "icon small plain", title: "All of it (0)" }),
    );
  }

  _bindKeys() {
    const group = "Agents";
    const { viewport } = this;
    this.context.bindKeys([
      { keys: "+, =", label: "Larger", group, run: () => viewport.zoom(0.8) },
      { keys: "-", label: "Smaller", group, run: () => viewport.zoom(1.25) },
      { keys: "0", label: "All of it", group, run: () => viewport.fit() },
      { keys: "ArrowLeft", label: "Move left", group, run: () => viewport.move(-60, 0) },
      { keys: "ArrowRight", label: "Move right", group, run: () => viewport.move(60, 0) },
      { keys: "ArrowUp", label: "Move up", group, run: () => viewport.move(0, -60) },
      { keys: "ArrowDown", label: "Move down", group, run: () => viewport.move(0, 60) },
      { keys: "Escape", label: "Select nothing", group, run: () => this.context.setParams({ node: "", edge: "" }) },
    ]);
  }

  /** @returns {Measure} */
  get measure() {
    return MEASURES.find(([id]) => id === this.context.params().measure)?.[0] ?? "messages";
  }

  get byType() {
    const wanted = this.context.params().nodes;
    return wanted === "types" || (wanted !== "agents" && this.run.agents.length > AGENTS_MAX);
  }

  draw() {
    const { run, measure, byType } = this;
    if (!run.agents.length) {
      fill(this.stage, stateMessage("No agents yet", "They appear here with their first event."));
      return;
    }
    this.graph = agentGraph(run, byType);
    const layout = placeGraph(this.graph);
    const drawing = drawGraph(this.graph, layout, measure);
    fill(this.stage, drawing);
    this.viewport.show(drawing, layout.width + 2 * MARGIN, layout.height + 2 * MARGIN, -MARGIN);
    fill(this.said, `${plural(run.agents.length, "agent")}, ${plural(this.graph.edges.length, "edge")}${byType ? ", one node for each type" : ""}`);
    press(this.measures, measure);
    press(this.levels, byType ? "types" : "agents");
    this.levels.hidden = new Set(run.agents.map((agent) => agent.type)).size === run.agents.length;
    this.mark();
  }

  /** Mark what is selected, and say what is known of it. */
  mark() {
    const { node, edge } = this.context.params();
    const chosen = this.graph.edges.findIndex((each) => `${each.from}>${each.to}` === edge);
    for (const element of this.stage.querySelectorAll("[data-node], [data-edge]")) {
      const { dataset } = /** @type {SVGElement} */ (element);
      const mine = dataset.node !== undefined ? dataset.node === node : Number(dataset.edge) === chosen;
      const touched = node && dataset.edge !== undefined && this._touches(Number(dataset.edge), node);
      element.classList.toggle("is-selected", mine);
      element.classList.toggle("is-touched", Boolean(touched));
    }
    this.stage.classList.toggle("has-selection", Boolean(node || chosen >= 0));
    const found = this.graph.nodes.find((each) => each.id === node);
    const line = this.graph.edges[chosen];
    if (found) fill(this.side, this._aboutNode(found));
    else if (line) fill(this.side, this._aboutEdge(line));
    else fill(this.side, this._all());
  }

  /**
   * @param {number} edge
   * @param {string} node
   */
  _touches(edge, node) {
    const found = this.graph.edges[edge];
    return found?.from === node || found?.to === node;
  }

  /** @param {EventTarget | null} target */
  _chosen(target) {
    if (this.viewport.dragged) return;
    const element = target instanceof Element ? target.closest("[data-node], [data-edge]") : null;
    const { node, edge } = /** @type {SVGElement | null} */ (element)?.dataset ?? {};
    const line = this.graph.edges[Number(edge ?? -1)];
    this.context.setParams({ node: node ?? "", edge: line ? `${line.from}>${line.to}` : "" });
  }

  /** @param {string} id */
  _pick(id) {
    this.context.setParams({ node: id, edge: "" });
  }

  _all() {
    const nodes = [...this.graph.nodes].sort((a, b) => b.busy - a.busy || b.turns - a.turns);
    return [
      h("h2", null, "Longest in turns first"),
      h("table", { class: "figures" },
        h("thead", null, h("tr", null, h("th", { scope: "col" }, "Agent"), h("th", { scope: "col" }, "Turns"), h("th", { scope: "col" }, "In turns"))),
        h("tbody", null, nodes.slice(0, 100).map((node) => h("tr", null,
          h("th", { scope: "row" }, button(told(node.id), () => this._pick(node.id), { class: "link mono" })),
          h("td", null, count(node.turns)),
          h("td", null, duration(node.busy)))))),
      nodes.length > 100 && h("p", { class: "faint" }, `and ${count(nodes.length - 100)} more`),
    ];
  }

  /** @param {GraphNode} node */
  _aboutNode(node) {
    const into = this.graph.edges.filter((edge) => edge.to === node.id);
    const out = this.graph.edges.filter((edge) => edge.from === node.id);
    const [agent] = node.agents;
    return [
      h("h2", { class: "mono" }, told(node.id)),
      facts([
        ["Agents", node.agents.length > 1 ? count(node.agents.length) : ""],
        ["Turns", count(node.turns)],
        ["Events", count(node.events)],
        ["In turns", duration(node.busy)],
        ["Waited in its mailbox", node.queued ? `${duration(node.queued)}, at most ${duration(node.longest)}` : "never"],
        ["Effects", count(node.effects)],
        ["Tokens", node.tokens ? count(node.tokens) : ""],
        ["Cost", node.tokens ? cost(node.cost) : ""],
        ["Failures", node.failures ? count(node.failures) : ""],
      ]),
      node.agents.length === 1 && agent !== undefined && h("div", { class: "side-actions" },
        button("First event", () => this.context.select(this.run.rowOf(agent, 0), "travel"), { class: "small" }),
        button("Last event", () => this.context.select(this.run.rowOf(agent, (this.run.agents[agent]?.events ?? 1) - 1), "travel"), { class: "small" })),
      this._edges("From", into, (edge) => edge.from),
      this._edges("To", out, (edge) => edge.to),
    ];
  }

  /**
   * @param {string} title
   * @param {GraphEdge[]} edges
   * @param {(edge: GraphEdge) => string} other
   */
  _edges(title, edges, other) {
    if (!edges.length) return null;
    const sorted = [...edges].sort((a, b) => b.messages - a.messages);
    return [
      h("h3", null, title),
      h("ul", { class: "edge-list" }, sorted.slice(0, 50).map((edge) => h("li", null,
        button(told(other(edge)), () => this._pick(other(edge)), { class: "link mono clip" }),
        h("span", { class: "muted" }, edgeText(edge, this.measure))))),
      sorted.length > 50 && h("p", { class: "faint" }, `and ${count(sorted.length - 50)} more`),
    ];
  }

  /** @param {GraphEdge} edge */
  _aboutEdge(edge) {
    const { run } = this;
    const first = run.rowOf(run.messages.column("dst")[edge.first] ?? -1, run.messages.column("dst_step")[edge.first] ?? -1);
    return [
      h("h2", { class: "mono" }, told(edge.from), h("span", { class: "faint" }, " → "), told(edge.to)),
      facts([
        ["Messages", count(edge.messages)],
        ["Asks", edge.asks ? count(edge.asks) : ""],
        ["Waited for answers", edge.asks ? `${duration(edge.waited)}, at most ${duration(edge.longest)}` : ""],
        ["Tokens of its turns", edge.tokens ? count(edge.tokens) : ""],
        ["Cost of its turns", edge.tokens ? cost(edge.cost) : ""],
        ["Failures", edge.failures ? count(edge.failures) : ""],
      ]),
      first >= 0 && h("div", { class: "side-actions" }, button("First of them", () => this.context.select(first, "sequence"), { class: "small" })),
      h("h3", null, "Handlers"),
      h("ul", { class: "edge-list" }, [...edge.handlers].sort((a, b) => b[1] - a[1]).map(([name, many]) =>
        h("li", null, h("span", { class: "mono clip" }, told(name)), h("span", { class: "muted" }, count(many))))),
    ];
  }

  destroy() {
    this.viewport.destroy();
  }
}

/**
 * @param {HTMLElement} segments
 * @param {string} value
 */
function press(segments, value) {
  for (const each of segments.querySelectorAll("button")) each.setAttribute("aria-pressed", String(each.dataset.value === value));
}

/** @param {[string, string][]} pairs Those without a value are left out. */
function facts(pairs) {
  return h("dl", { class: "facts-list" }, pairs.filter(([, value]) => value).map(([name, value]) => [h("dt", null, name), h("dd", null, value)]));
}

/** @type {import("../shell/views.js").View} */
export const view = {
  mount(root, context) {
    const agents = new Agents(root, context);
    agents.draw();
    let drawn = [agents.measure, agents.byType].join();
    return {
      update(change) {
        const now = [agents.measure, agents.byType].join();
        if (change.run || now !== drawn) agents.draw();
        else if (change.params) agents.mark();
        drawn = now;
      },
      destroy: () => agents.destroy(),
    };
  },
};
