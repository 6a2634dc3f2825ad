/**
 * What happened at an event, from the tables of its run: which message came, which effect ended. No DOM.
 *
 * Made once for a version of the run, in one pass over messages and effects.
 */

import { EFFECT_KINDS, EVENT_KINDS, MESSAGE_KINDS } from "../data/run_data.js";

/** @typedef {import("../data/run_data.js").RunData} RunData */

/** @type {WeakMap<RunData, Happenings>} */
const made = new WeakMap();

/**
 * What is known of a run's events by now.
 * @param {RunData} run
 * @returns {Happenings}
 */
export function happeningsOf(run) {
  const known = made.get(run);
  if (known?.version === run.version) return known;
  const fresh = new Happenings(run);
  made.set(run, fresh);
  return fresh;
}

export class Happenings {
  /** @param {RunData} run */
  constructor(run) {
    this.run = run;
    this.version = run.version;
    this._messages = this._rowsBy("messages", "dst", "dst_step");
    this._effects = this._rowsBy("effects", "agent", "last_step");
  }

  /**
   * @param {"messages" | "effects"} name
   * @param {string} agent
   * @param {string} step
   * @returns {Int32Array} Of each event, the row of what came; -1 for none.
   */
  _rowsBy(name, agent, step) {
    const { run } = this;
    const table = run[name];
    const found = new Int32Array(run.count).fill(-1);
    const [agents, steps] = [table.column(agent), table.column(step)];
    for (let row = 0; row < table.rows; row++) {
      const event = run.rowOf(agents[row] ?? -1, steps[row] ?? -1);
      if (event >= 0) found[event] = row;
    }
    return found;
  }

  /**
   * The message that came.
   * @param {number} event
   * @returns {number} Its row in `messages`; -1 for none.
   */
  message(event) {
    return this.kind(event) === "delivered" ? this._messages[event] ?? -1 : -1;
  }

  /**
   * The effect or timer that ended.
   * @param {number} event
   * @returns {number} Its row in `effects`; -1 for none.
   */
  effect(event) {
    return ["finished", "failed", "fired"].includes(this.kind(event)) ? this._effects[event] ?? -1 : -1;
  }

  /** @param {number} event */
  kind(event) {
    return EVENT_KINDS[this.run.events.column("kind")[event] ?? 0] ?? "";
  }

  /**
   * The agent that caused it: who sent the message, or the agent itself; -1 for none.
   * @param {number} event
   */
  source(event) {
    const { run } = this;
    const message = this.message(event);
    if (message >= 0) return run.messages.column("src")[message] ?? -1;
    const cause = run.events.column("cause")[event] ?? -1;
    return cause >= 0 ? run.events.column("agent")[cause] ?? -1 : -1;
  }

  /**
   * A word or two: `reserve`, `reply`, `tool search`.
   * @param {number} event
   * @returns {string}
   */
  label(event) {
    const { run } = this;
    const message = this.message(event);
    if (message >= 0) {
      const kind = MESSAGE_KINDS[run.messages.column("kind")[message] ?? 0] ?? "";
      const handler = run.word("handlers", run.messages.column("handler")[message]);
      return kind === "ask" || kind === "tell" || kind === "continue" ? handler || kind : kind;
    }
    const effect = this.effect(event);
    if (effect < 0) return this.kind(event);
    const kind = EFFECT_KINDS[run.effects.column("kind")[effect] ?? 0] ?? "";
    const model = run.word("models", run.effects.column("model")[effect]);
    const name = run.word("effect_names", run.effects.column("name")[effect]);
    if (kind === "model") return model || name;
    return kind === "timer" ? "sleep" : name || kind;
  }

  /**
   * What happened, in a few words: `ask reserve from Specialist/ben`, `tool search finished`.
   * @param {number} event
   * @returns {string}
   */
  words(event) {
    const { run } = this;
    const kind = this.kind(event);
    const message = this.message(event);
    if (message >= 0) {
      const how = MESSAGE_KINDS[run.messages.column("kind")[message] ?? 0] ?? "";
      const label = this.label(event);
      return `${how}${label === how ? "" : ` ${label}`} from ${run.address(this.source(event))}`;
    }
    const effect = this.effect(event);
    if (effect >= 0) {
      const isModel = EFFECT_KINDS[run.effects.column("kind")[effect] ?? 0] === "model";
      return kind === "fired" ? "timer fired" : `${isModel ? "model " : ""}${this.label(event)} ${kind}`;
    }
    return kind;
  }

  /**
   * What kind of thing it is, for colours: `message`, `model`, `tool`, `failed`, ...
   * @param {number} event
   * @returns {string}
   */
  hue(event) {
    const kind = this.kind(event);
    if (kind === "failed") return "failed";
    const message = this.message(event);
    if (message >= 0) {
      return MESSAGE_KINDS[this.run.messages.column("kind")[message] ?? 0] === "fail" ? "failed" : "message";
    }
    const effect = this.effect(event);
    if (effect < 0) return kind === "started" ? "turn" : "timer";
    const name = EFFECT_KINDS[this.run.effects.column("kind")[effect] ?? 0] ?? "";
    return name === "effect" || name === "opaque" ? "call" : name;
  }
}
