/** One agent at the cursor: where it stands, its state with what changed marked, what it waits for. */

import { button, fill, h, icon, told } from "../../shell/dom.js";
import { countChanges } from "../../logic/json_tree.js";
import { duration } from "../../logic/format.js";
import { visible } from "../../logic/text.js";
import { placeOf } from "../../logic/travel.js";
import { Tree } from "../tree.js";
import { Things } from "./things.js";

/** @typedef {import("./states.js").AgentView} AgentView */
/** @typedef {import("./states.js").Seen} Seen */
/** @typedef {import("./states.js").TurnView} TurnView */
/** @typedef {import("./states.js").TaskView} TaskView */
/** @typedef {import("./states.js").Frame} Frame */
/** @typedef {import("./things.js").Thing} Thing */

/**
 * @typedef {object} Asks What a card asks of the view.
 * @property {(address: string) => void} follow Go to this agent's latest event.
 * @property {() => void} anyway Show what differs from the record, too.
 * @property {() => void} widen It is wide now, or not any more.
 */

export class AgentCard {
  /**
   * @param {string} address
   * @param {Asks} asks
   */
  constructor(address, asks) {
    this.address = address;
    this._asks = asks;
    this._state = new Tree(`State of ${address}`, { open: 2 });
    this._pending = new Things("Under way");
    this._mailbox = new Things("Mailbox");
    this._badges = h("span", { class: "card-badges" });
    this._body = h("div", { class: "card-body" });
    this._wide = button(icon("fit"), () => this._widen(), {
      class: "icon small plain", title: "Over the whole width", "aria-pressed": "false",
    });
    const title = button(told(address), () => asks.follow(address), {
      class: "link mono clip card-name", title: "Go to its latest event", "aria-label": `${visible(address)}: go to its latest event`,
    });
    this.element = h(
      "section",
      { class: "agent-card", "aria-label": address },
      h("header", null, h("h2", null, title), this._badges, this._wide),
      this._body,
    );
  }

  /**
   * Show the agent.
   * @param {Seen | undefined} seen Nothing while it is asked for.
   * @param {Seen | undefined} before What changes are marked against; nothing for no marks.
   * @param {{step: number, steps: number, here: boolean}} place `here`: the event at the cursor is its own.
   */
  show(seen, before, place) {
    this.element.classList.toggle("is-here", place.here);
    this.element.classList.toggle("is-pending", !seen);
    this.element.setAttribute("aria-busy", String(!seen));
    if (!seen) return;
    if (!seen.view) {
      fill(this._badges, this._stepText(place));
      fill(this._body, this._refused(seen.error));
      return;
    }
    const { view } = seen;
    const was = before?.view ?? undefined;
    fill(this._badges, badges(view, was, place.here), this._stepText(place));
    fill(
      this._body,
      view.diverged && h("p", { class: "card-note bad-text" }, "Not as it was recorded: today's program differs from here, or from before."),
      view.problem && h("p", { class: "card-note bad-text" }, told(view.problem)),
      this._stateOf(view, was),
      view.turns.map((turn) => turnSection(turn)),
      this._pending.show(pendingOf(view), was && pendingOf(was)),
      this._mailbox.show(mailOf(view), was && mailOf(was)),
    );
    this.element.classList.toggle("is-empty", !this._body.childElementCount);
  }

  /** @param {{step: number, steps: number}} place */
  _stepText({ step, steps }) {
    return h("span", { class: "faint card-step", title: "Its latest step, and how many it has in all" },
      `@${step} of ${steps.toLocaleString("en")}`);
  }

  /**
   * @param {AgentView} view
   * @param {AgentView | undefined} was
   */
  _stateOf(view, was) {
    if (!view.state || Object.keys(view.state).length === 0) return null;
    this._state.show(view.state, was ? was.state ?? {} : undefined);
    return this._state.element;
  }

  /** @param {import("./states.js").Told | null} error */
  _refused(error) {
    return h(
      "div",
      { class: "card-note", role: "alert" },
      h("p", { class: "bad-text" }, told(error?.what ?? "Its state can't be told.")),
      error?.cause && h("p", { class: "muted" }, told(error.cause)),
      error?.fix && h("p", { class: "muted" }, told(error.fix)),
      error?.type === "DivergenceError" &&
        button("Show what today's program makes of it", () => this._asks.anyway(), { class: "small" }),
    );
  }

  _widen() {
    const wide = this.element.classList.toggle("is-wide");
    this._wide.setAttribute("aria-pressed", String(wide));
    this._asks.widen();
  }
}

/**
 * @param {AgentView} view
 * @param {AgentView | undefined} was
 * @param {boolean} here
 */
function badges(view, was, here) {
  const changes = was && view.state ? countChanges(was.state ?? {}, view.state) : 0;
  return [
    changes > 0 && h("span", { class: "badge changed" }, changes === 1 ? "1 change" : `${changes} changes`),
    changes === 0 && here && was && h("span", { class: "badge" }, "same state"),
    view.lifecycle !== "live" && h("span", { class: "badge" }, told(view.lifecycle)),
    isIdle(view) && h("span", { class: "faint card-idle" }, "no state, at rest"),
  ];
}

/** @param {TurnView} turn */
function turnSection(turn) {
  const { message } = turn;
  const own = turn.tasks.filter((task) => task.stack.length);
  return h(
    "div",
    { class: "card-part" },
    h(
      "h3",
      null,
      "Turn ", turn.number, " ", h("span", { class: "mono" }, told(message.handler)),
      h("span", { class: "faint" }, " from ", told(message.sender || "outside")),
      turn.finished && h("span", { class: "badge" }, "answered, cleaning up"),
      turn.cancelled && h("span", { class: "badge" }, "cancelled: ", told(turn.cancelled)),
    ),
    (own.length ? own : turn.tasks.slice(0, 1)).map(taskOf),
  );
}

/** @param {TaskView} task */
function taskOf(task) {
  const frames = task.stack.filter((frame) => !frame.library);
  const libraries = task.stack.length - frames.length;
  return h(
    "div",
    { class: "task" },
    task.name !== "handler" && h("div", { class: "faint" }, "task ", told(task.name)),
    frames.map(frameOf),
    libraries > 0 && h("div", { class: "faint" }, libraries === 1 ? "1 frame of a library" : `${libraries} frames of libraries`),
    task.waits_for
      ? h("div", { class: "waits" }, "waits for ", told(task.waits_for))
      : !task.stack.length && h("div", { class: "waits" }, "has not begun"),
  );
}

/** @param {Frame} frame */
function frameOf(frame) {
  const names = Object.entries(frame.locals);
  const summary = h(
    "span",
    { class: "frame-line", title: `${frame.file}:${frame.line}` },
    h("span", { class: "frame-place mono" }, placeOf(frame.file, frame.line)),
    " ", h("span", { class: "muted" }, told(frame.function)),
  );
  const source = h("code", { class: "frame-source" }, told(frame.source || "(the file is not here)"));
  if (!names.length) return h("div", { class: "frame" }, summary, source);
  return h(
    "details",
    { class: "frame" },
    h("summary", null, summary, source),
    h("dl", { class: "locals mono" }, names.map(([name, value]) => [h("dt", null, told(name)), h("dd", null, told(value))])),
  );
}

/** @param {AgentView} view */
function isIdle(view) {
  return !view.turns.length && !view.mailbox.length && !Object.keys(view.state ?? {}).length && !view.problem;
}

/**
 * What is under way, by the id of each.
 * @param {AgentView} view
 * @returns {Map<string, Thing>}
 */
function pendingOf(view) {
  /** @type {Map<string, Thing>} */
  const found = new Map();
  for (const ask of view.asks) {
    found.set(ask.message, { kind: "ask", name: [ask.to, ask.handler].filter(Boolean).join("."), id: ask.message, value: ask.payload });
  }
  for (const effect of view.effects) {
    const id = `${effect.turn}.${effect.number}`;
    found.set(id, { kind: effect.kind || "effect", name: effect.name, id: `turn ${effect.turn}`, value: effect.request });
  }
  for (const timer of view.timers) {
    found.set(`timer ${timer.turn}.${timer.number}`, { kind: "timer", name: `in ${duration(timer.due_ns - view.now_ns)}`, id: timer.turn ? `turn ${timer.turn}` : "", value: undefined });
  }
  return found;
}

/**
 * @param {AgentView} view
 * @returns {Map<string, Thing>}
 */
function mailOf(view) {
  return new Map(view.mailbox.map((each) => [each.id, { kind: each.kind, name: each.handler, id: `${each.id}`, value: each.payload }]));
}
