/** One agent at the cursor: where it stands, its state with what changed marked, what it waits for. */

import { button, fill, h, icon, told } from "../../shell/dom.js";
import { countChanges } from "../../logic/json_tree.js";
import { placeOf } from "../../logic/travel.js";
import { Tree } from "../tree.js";

/** @typedef {import("./states.js").AgentView} AgentView */
/** @typedef {import("./states.js").Seen} Seen */
/** @typedef {import("./states.js").TurnView} TurnView */
/** @typedef {import("./states.js").TaskView} TaskView */
/** @typedef {import("./states.js").Frame} Frame */

/**
 * @typedef {object} Asks What a card asks of the view.
 * @property {(address: string) => void} follow Go to this agent's latest event.
 * @property {() => void} anyway Show what differs from the record, too.
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
    this._pending = new Tree(`What ${address} waits for`);
    this._mailbox = new Tree(`Mailbox of ${address}`);
    this._badges = h("span", { class: "card-badges" });
    this._body = h("div", { class: "card-body" });
    this._wide = button(icon("fit"), () => this._widen(), {
      class: "icon small plain", title: "Over the whole width", "aria-pressed": "false",
    });
    const title = button(told(address), () => asks.follow(address), {
      class: "link mono clip card-name", title: "Go to its latest event",
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
      this._waiting(view, was),
      this._mail(view, was),
    );
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
    if (view.state === null) return h("p", { class: "card-note faint" }, "It has no instance now.");
    if (Object.keys(view.state).length === 0) {
      return h("p", { class: "card-note faint" }, "It keeps no state.");
    }
    this._state.show(view.state, was ? was.state ?? {} : undefined);
    return this._state.element;
  }

  /**
   * @param {AgentView} view
   * @param {AgentView | undefined} was
   */
  _waiting(view, was) {
    const now = pendingOf(view);
    const earlier = was && pendingOf(was);
    const count = Object.keys(now).length;
    if (!count && !(earlier && Object.keys(earlier).length)) return null;
    this._pending.show(now, earlier);
    return h("div", { class: "card-part" }, h("h3", null, "Under way ", h("span", { class: "faint" }, count)), this._pending.element);
  }

  /**
   * @param {AgentView} view
   * @param {AgentView | undefined} was
   */
  _mail(view, was) {
    if (!view.mailbox.length && !was?.mailbox.length) return null;
    this._mailbox.show(mailOf(view), was && mailOf(was));
    return h("div", { class: "card-part" }, h("h3", null, "Mailbox ", h("span", { class: "faint" }, view.mailbox.length)), this._mailbox.element);
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
    changes === 0 && here && was && h("span", { class: "badge" }, "state unchanged"),
    view.lifecycle !== "live" && h("span", { class: "badge" }, told(view.lifecycle)),
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

/**
 * What is under way, by names that say what it is.
 * @param {AgentView} view
 * @returns {import("../../logic/json_tree.js").JsonObject}
 */
function pendingOf(view) {
  /** @type {import("../../logic/json_tree.js").JsonObject} */
  const found = {};
  for (const ask of view.asks) found[`ask ${ask.to}${ask.handler && `.${ask.handler}`} (${ask.message})`] = ask.payload;
  for (const effect of view.effects) {
    found[`${effect.kind || "effect"} ${effect.name} (${effect.turn}.${effect.number})`] = effect.request;
  }
  for (const timer of view.timers) {
    found[`timer (${timer.turn}.${timer.number})`] = `in ${((timer.due_ns - view.now_ns) / 1e9).toLocaleString("en", { maximumSignificantDigits: 3 })} s`;
  }
  return found;
}

/**
 * @param {AgentView} view
 * @returns {import("../../logic/json_tree.js").JsonObject}
 */
function mailOf(view) {
  return Object.fromEntries(view.mailbox.map((each) => [`${each.kind} ${each.handler} (${each.id})`, each.payload]));
}
