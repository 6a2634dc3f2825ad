/**
 * Time travel: a cursor on the run's events, and every agent as it was just after the event there.
 *
 * The cursor is the selected event; without one it stands at the end. What is highlighted is what
 * the event changed in its agent, or what changed in all agents since the cursor was moved.
 */

import { button, copyButton, fill, h, icon, setVars, stateMessage, told } from "../shell/dom.js";
import { openDialog } from "../shell/dialog.js";
import { isAbort } from "../data/api.js";
import { EVENT_KINDS } from "../data/run_data.js";
import { count, duration } from "../logic/format.js";
import { cutAt, stepFrom } from "../logic/travel.js";
import { AgentCard } from "./travel/agent_card.js";
import { Scrubber } from "./travel/scrubber.js";
import { States } from "./travel/states.js";
import { When } from "./travel/when.js";

/** @typedef {import("../shell/context.js").Context} Context */
/** @typedef {import("../logic/travel.js").By} By */

const SETTLE_MS = 70;
const CARDS_MAX = 60;
const CARD_WIDTH = 352;
const COLUMNS_MAX = 5;

class Travel {
  /**
   * @param {HTMLElement} root
   * @param {Context} context
   */
  constructor(root, context) {
    this.context = context;
    this.run = context.run;
    this.states = new States(context.api, context.run);
    /** @type {Map<number, AgentCard>} */
    this.cards = new Map();
    this.previous = -1;
    this.cursor = -1;
    this.cardsMax = CARDS_MAX;
    /** @type {AbortController | null} */
    this.asking = null;
    this.timer = 0;
    this.scrubber = new Scrubber(this.run, (row) => context.select(row));
    this.when = new When(context, (rows) => this.scrubber.mark(rows));
    this.now = h("div", { class: "travel-now" });
    this.place = h("span", { class: "travel-place muted" });
    this.status = h("div", { class: "travel-status" });
    this.wide = h("div", { class: "wide-cards" });
    this.columns = h("div", { class: "card-columns" });
    this.agents = h("div", { class: "agent-cards" }, this.wide, this.columns);
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.agents);
    this.filter = h("input", {
      class: "field", type: "search", placeholder: "Agents", "aria-label": "Only agents whose name has this",
      oninput: () => this.draw(),
    });
    this.since = this._segments();
    fill(root, this._bar(), h("div", { class: "travel-line" }, this.scrubber.element), this._second(), this.status, this.agents);
    this._bindKeys();
  }

  _bar() {
    /** @type {(label: "back" | "forward", text: string, by: By, direction: 1 | -1, key: string) => HTMLElement} */
    const step = (name, text, by, direction, key) =>
      button(direction < 0 ? [icon(name), text] : [text, icon(name)], () => this.step(by, direction), {
        class: "small", title: `${direction < 0 ? "Previous" : "Next"} event ${BY_WORDS[by]} (${key})`,
        "aria-label": `${direction < 0 ? "Previous" : "Next"} event ${BY_WORDS[by]}`,
      });
    return h(
      "div",
      { class: "toolbar travel-bar", role: "toolbar", "aria-label": "Steps" },
      h("span", { class: "step-group" },
        step("back", "Handler", "handler", -1, ","), step("back", "Agent", "agent", -1, "["), step("back", "Event", "event", -1, "←")),
      this.place,
      h("span", { class: "step-group" },
        step("forward", "Event", "event", 1, "→"), step("forward", "Agent", "agent", 1, "]"), step("forward", "Handler", "handler", 1, ".")),
      this.now,
      button([icon("play"), "Debug"], () => void this.debug(), {
        class: "small", title: "The command that stands in this event's handler (d)",
      }),
    );
  }

  _second() {
    return h("div", { class: "toolbar travel-second" }, this.when.element, this.since, this.filter);
  }

  _segments() {
    const choose = (/** @type {string} */ since) => this.context.setParams({ since });
    return h(
      "div",
      { class: "segments", role: "group", "aria-label": "What is highlighted" },
      button("By this event", () => choose(""), { class: "small", title: "Highlight what this event changed" }),
      button("Since last stop", () => choose("stop"), { class: "small", title: "Highlight what changed since the cursor was moved" }),
    );
  }

  _bindKeys() {
    const group = "Time travel";
    /** @type {(by: By, direction: 1 | -1) => () => void} */
    const go = (by, direction) => () => this.step(by, direction);
    this.context.bindKeys([
      { keys: "ArrowLeft, h", label: "Event before", group, run: go("event", -1) },
      { keys: "ArrowRight, l", label: "Event after", group, run: go("event", 1) },
      { keys: "[", label: "This agent's event before", group, run: go("agent", -1) },
      { keys: "]", label: "This agent's event after", group, run: go("agent", 1) },
      { keys: ",", label: "This handler's start before", group, run: go("handler", -1) },
      { keys: ".", label: "This handler's start after", group, run: go("handler", 1) },
      { keys: "Home", label: "The first event", group, run: () => this.context.select(0) },
      { keys: "End", label: "The last event", group, run: () => this.context.select(this.run.count - 1) },
      { keys: "w", label: "Ask when something holds", group, run: () => this.when.input.focus() },
      { keys: "n", label: "Next event found", group, run: () => this.when.step(1) },
      { keys: "N", label: "Previous event found", group, run: () => this.when.step(-1) },
      { keys: "d", label: "The line for agentmesh debug", group, run: () => void this.debug() },
    ]);
  }

  /**
   * @param {By} by
   * @param {1 | -1} direction
   */
  step(by, direction) {
    const found = stepFrom(this.run, this.cursor, by, direction);
    if (found >= 0) this.context.select(found);
    else this.context.announce(`There is no ${direction < 0 ? "earlier" : "later"} event ${BY_WORDS[by]}.`);
  }

  /** Stand where the permalink says. */
  move() {
    const selected = this.context.selected();
    const row = selected >= 0 ? selected : this.run.count - 1;
    const moved = row !== this.cursor;
    if (moved) [this.previous, this.cursor] = [this.cursor, row];
    this.scrubber.moveTo(row, this._words());
    this._tell();
    this.draw();
    if (row < 0) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this._load(), this.cards.size && moved ? SETTLE_MS : 0);
  }

  _words() {
    return `${count(this.cursor + 1)} of ${count(this.run.count)}: ${this.run.reference(this.cursor)}`;
  }

  _tell() {
    const { run, cursor } = this;
    const kind = EVENT_KINDS[run.events.column("kind")[cursor] ?? 0] ?? "";
    fill(this.place, h("b", null, count(cursor + 1)), ` of ${count(run.count)}`);
    this.place.title = "The event's place in the run order, in which nothing comes before its cause";
    fill(
      this.now,
      cursor >= 0 && [
        this.context.eventLink(cursor),
        h("span", { class: `travel-kind kind-${kind}` }, kind),
        h("span", { class: "faint" }, `+${duration(run.events.column("at")[cursor] ?? 0)}`),
      ],
    );
  }

  /** Ask for what the cut has that is not known yet, and draw it as it comes. */
  async _load() {
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    const row = this.cursor;
    try {
      for await (const _ of this.states.fetch(this._wanted(cutAt(this.run, row)), this.run.reference(row), asking.signal)) this.draw();
      const [against, wanted] = this._against();
      if (against >= 0) {
        for await (const _ of this.states.fetch(wanted, this.run.reference(against), asking.signal)) this.draw();
      }
      fill(this.status);
    } catch (error) {
      if (!isAbort(error)) this._failed(error);
    }
  }

  /**
   * Agents of a cut that are shown, with their steps; the cursor's own first.
   * @param {Int32Array} cut
   * @returns {[number, number][]}
   */
  _wanted(cut) {
    const mine = this.run.events.column("agent")[this.cursor] ?? -1;
    const shown = this._shown(cut).sort((a, b) => Number(b === mine) - Number(a === mine));
    return shown.map((agent) => [agent, cut[agent] ?? -1]);
  }

  /**
   * The event that changes are marked against, and which agents are needed there.
   * @returns {[number, [number, number][]]}
   */
  _against() {
    if (this._bySince()) return [this.previous, this.previous < 0 ? [] : this._wanted(cutAt(this.run, this.previous))];
    const before = this.run.neighbour(this.cursor, -1);
    const agent = this.run.events.column("agent")[this.cursor] ?? -1;
    return [before, before < 0 ? [] : [[agent, (this.run.events.column("step")[this.cursor] ?? 0) - 1]]];
  }

  _bySince() {
    return this.context.params().since === "stop";
  }

  /**
   * Agents that are shown of a cut, in the order of their beginnings.
   * @param {Int32Array} cut
   * @returns {number[]}
   */
  _shown(cut) {
    const text = this.filter.value.trim().toLowerCase();
    const begun = [...cut.keys()].filter((agent) => (cut[agent] ?? -1) >= 0);
    const mine = this.run.events.column("agent")[this.cursor] ?? -1;
    const named = begun.filter((agent) => !text || this.run.address(agent).toLowerCase().includes(text));
    const some = named.slice(0, this.cardsMax);
    this.hidden = named.length - some.length;
    if (named.includes(mine) && !some.includes(mine)) some[some.length - 1] = mine;
    return some;
  }

  /** Show what is known. */
  draw() {
    const { run, cursor } = this;
    if (cursor < 0) {
      fill(this.columns, stateMessage("No events yet", "As soon as the run has some, agents are shown here."));
      return;
    }
    const cut = cutAt(run, cursor);
    const against = this._bySince() && this.previous >= 0 ? cutAt(run, this.previous) : null;
    const mine = run.events.column("agent")[cursor] ?? -1;
    const elements = this._shown(cut).map((agent) => {
      const card = this._card(agent);
      const step = cut[agent] ?? -1;
      const here = agent === mine;
      const earlier = against ? against[agent] ?? -1 : here ? step - 1 : -1;
      const before = earlier >= 0 && earlier !== step ? this.states.known(agent, earlier) : undefined;
      card.show(this.states.known(agent, step), before, { step, steps: run.agents[agent]?.events ?? 0, here });
      return card.element;
    });
    if (this.hidden) elements.push(this._more());
    this._arrange(elements);
    const [one, other] = this.since.querySelectorAll("button");
    one?.setAttribute("aria-pressed", String(!this._bySince()));
    other?.setAttribute("aria-pressed", String(this._bySince()));
  }

  /**
   * Put cards into columns: each keeps its column while the cursor moves, whatever becomes of its height.
   * @param {HTMLElement[]} elements
   */
  _arrange(elements) {
    const room = Math.min(COLUMNS_MAX, Math.max(1, Math.floor((this.agents.clientWidth - 20) / CARD_WIDTH)));
    const across = Math.min(room, elements.length);
    const wide = elements.filter((element) => element.classList.contains("is-wide"));
    const columns = Array.from({ length: across }, () => /** @type {HTMLElement[]} */ ([]));
    elements.filter((element) => !wide.includes(element)).forEach((element, at) => columns[at % across]?.push(element));
    keep(this.wide, wide);
    setVars(this.columns, { "--columns": String(across) });
    if (this.columns.childElementCount !== across || this.columns.querySelector(":scope > .state")) {
      fill(this.columns, columns.map(() => h("div", { class: "card-column" })));
    }
    columns.forEach((some, at) => keep(/** @type {Element} */ (this.columns.children[at]), some));
  }

  _more() {
    return h("section", { class: "agent-card more-cards" },
      h("p", { class: "muted" }, `${count(this.hidden ?? 0)} more agents`),
      button("Show more", () => {
        this.cardsMax += CARDS_MAX;
        this.move();
      }, { class: "small" }));
  }

  /** @param {number} agent */
  _card(agent) {
    const known = this.cards.get(agent);
    if (known) return known;
    const made = new AgentCard(this.run.address(agent), {
      follow: () => this.context.select(this.run.rowOf(agent, cutAt(this.run, this.cursor)[agent] ?? -1)),
      anyway: () => {
        this.states.showAnyway();
        this.move();
      },
      widen: () => this.draw(),
    });
    this.cards.set(agent, made);
    return made;
  }

  /** @param {unknown} error */
  _failed(error) {
    const text = error instanceof Error ? error.message : String(error);
    const [what, ...rest] = text.split("\n");
    fill(this.status, h("div", { class: "notice bad", role: "alert" },
      h("div", null, h("b", null, told(what ?? "")), rest.map((line) => h("div", null, told(line)))),
      h("span", { class: "spacer" }),
      button("Try again", () => this.move(), { class: "small" })));
  }

  /** Show the line that stands in the event's handler. */
  async debug() {
    const reference = this.run.reference(this.cursor);
    const line = h("pre", { class: "debug-line", tabIndex: 0 }, "…");
    let text = "";
    openDialog("Stand in this event's handler", [
      h("p", { class: "muted" }, "Run it where the program is: real frames, no network, no key; nothing is changed."),
      h("div", { class: "debug-box" }, line, copyButton(() => text, "Copy the line")),
      h("p", { class: "faint" }, "With --listen 5678 it waits for an IDE instead."),
    ]);
    try {
      ({ text } = await this.context.api.ofRun(this.run.id, "debug-line", { ref: reference }));
      fill(line, told(text));
    } catch (error) {
      fill(line, told(error instanceof Error ? error.message : String(error)));
    }
  }

  destroy() {
    clearTimeout(this.timer);
    this.asking?.abort();
    this.when.destroy();
    this.observer.disconnect();
    this.scrubber.destroy();
  }
}

/**
 * Let an element have just these children; what is there already stays, and keeps the focus.
 * @param {Element} parent
 * @param {Element[]} children
 */
function keep(parent, children) {
  const same = children.length === parent.childElementCount && children.every((child, at) => child === parent.children[at]);
  if (!same) parent.replaceChildren(...children);
}

/** @type {Record<By, string>} */
const BY_WORDS = { event: "of the run", agent: "of this agent", handler: "that starts this handler" };

/** @type {import("../shell/views.js").View} */
export const view = {
  mount(root, context) {
    const travel = new Travel(root, context);
    travel.move();
    const asked = context.params().when;
    if (asked) void travel.when.ask(asked);
    return {
      update(change) {
        if (change.theme) travel.scrubber.draw();
        if (change.run || change.selection || change.params) travel.move();
      },
      destroy: () => travel.destroy(),
    };
  },
};
