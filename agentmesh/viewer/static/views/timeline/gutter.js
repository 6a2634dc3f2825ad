/**
 * The names beside the lanes, and the mirror of the canvas: what a screen reader finds in its place.
 * Only lanes in view have elements.
 */

import { plural } from "../../logic/format.js";
import { visible } from "../../logic/text.js";
import { button, fill, h, setVars, told } from "../../shell/dom.js";
import { sentence } from "./describe.js";

/** @typedef {import("./scene.js").Scene} Scene */

const MIRRORED = 60;

export class Gutter {
  /** @param {(agent: number) => void} onAgent */
  constructor(onAgent) {
    this.onAgent = onAgent;
    this.names = h("div", { class: "tl-gutter", role: "list", "aria-label": "Agents" });
    this.mirror = h("div", { class: "mirror" });
    /** @type {Map<number, HTMLElement>} */
    this._shown = new Map();
    /** @type {Scene | null} */
    this._scene = null;
  }

  /**
   * @param {Scene} scene
   * @param {number} scroll
   * @param {number} height
   * @param {number} selected the selected agent; -1 for none
   */
  show(scene, scroll, height, selected) {
    if (this._scene !== scene) {
      this._scene = scene;
      this._shown.clear();
      fill(this.names);
    }
    const first = Math.max(0, scene.laneAt(scroll));
    const last = scene.laneAt(Math.min(scroll + height, scene.height - 1));
    for (const [lane, element] of this._shown) {
      if (lane >= first && lane <= last) continue;
      element.remove();
      this._shown.delete(lane);
    }
    for (let lane = first; lane <= last; lane++) {
      const element = this._shown.get(lane) ?? this._make(scene, lane);
      const top = `${scene.laneTop[lane] - scroll}px`;
      setVars(element, { "--top": top, "--height": `${scene.laneTop[lane + 1] - scene.laneTop[lane]}px` });
      element.classList.toggle("selected", scene.lanes.order[lane] === selected);
    }
  }

  /**
   * @param {Scene} scene
   * @param {number} lane
   */
  _make(scene, lane) {
    const agent = scene.run.agents[scene.lanes.order[lane]];
    const said = [plural(agent.turns, "turn"), plural(agent.effects, "effect")];
    if (agent.failures) said.push(`${agent.failures} failed`);
    const short = agent.key === "main" || agent.key === "" ? agent.type : agent.key;
    const name = h("span", { class: "clip" }, short === agent.type ? null : h("span", { class: "faint" }, told(`${agent.type}/`)), told(short));
    const element = h(
      "div",
      { class: "tl-lane", role: "listitem" },
      button(name, () => this.onAgent(agent.index), {
        class: "plain", title: `${visible(agent.address)}: ${said.join(", ")}`,
        "aria-label": `${visible(agent.address)}: ${said.join(", ")}`,
      }),
      agent.failures > 0 && h("span", { class: "tl-failed", title: `${agent.failures} failed` }, agent.failures),
    );
    this._shown.set(lane, element);
    this.names.append(element);
    return element;
  }

  /**
   * Tell in words what is drawn in the selected lane.
   * @param {Scene} scene
   * @param {import("../../logic/viewport.js").Viewport} viewport
   * @param {number} agent -1 for none
   * @param {(bar: number) => void} select
   */
  tell(scene, viewport, agent, select) {
    const lane = scene.laneOf.get(agent);
    const title = lane === undefined ? `${scene.lanes.order.length} lanes` : `Bars of ${visible(scene.run.address(agent))} in view`;
    /** @type {number[]} */
    const found = [];
    if (lane !== undefined) {
      for (let track = scene.lanes.laneFirst[lane]; track < scene.lanes.laneFirst[lane + 1]; track++) {
        const room = viewport.span / 2000;
        scene.pyramid.visit(track, viewport.from, viewport.to, room, (_start, _end, _busy, bar) => void found.push(bar));
      }
    }
    const more = found.length - MIRRORED;
    fill(
      this.mirror,
      h("p", null, title),
      h("ul", null, found.slice(0, MIRRORED).map((bar) =>
        h("li", null, button(sentence(scene, bar), () => select(bar), { tabIndex: -1 })))),
      more > 0 && h("p", null, `${plural(more, "more bar")}: zoom in, or use the table of events.`),
    );
  }
}
