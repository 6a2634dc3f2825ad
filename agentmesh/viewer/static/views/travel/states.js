/**
 * States of agents at their steps, asked for once and kept: an agent's state changes at its own
 * events only, so that going one event further asks for one agent.
 */

/** @typedef {import("../../data/run_data.js").RunData} RunData */
/** @typedef {import("../../data/api.js").Api} Api */

/**
 * What is seen of an agent at a step; see the contract's VIEW.
 * @typedef {object} AgentView
 * @property {string} address
 * @property {number} step
 * @property {string} lifecycle
 * @property {import("../../logic/json_tree.js").JsonObject | null} state
 * @property {string} problem
 * @property {MessageView[]} mailbox
 * @property {TurnView[]} turns
 * @property {{turn: number, number: number, kind: string, name: string, request: any}[]} effects
 * @property {{turn: number, message: string, to: string, handler: string, payload: any}[]} asks
 * @property {{turn: number, number: number, due_ns: number}[]} timers
 * @property {number} now_ns
 * @property {boolean} diverged
 */
/** @typedef {{id: string, kind: string, sender: string, handler: string, payload: any}} MessageView */
/** @typedef {{file: string, line: number, function: string, source: string, library: boolean, locals: Record<string, string>}} Frame */
/** @typedef {{name: string, stack: Frame[], waits_for: string}} TaskView */
/** @typedef {{number: number, message: MessageView, tasks: TaskView[], finished: boolean, cancelled: string}} TurnView */
/** @typedef {{type: string, what: string, cause?: string, fix?: string}} Told */
/** @typedef {{view: AgentView | null, error: Told | null}} Seen */

const KEPT_MAX = 600;
const ASKED_MAX = 60;

export class States {
  /**
   * @param {Api} api
   * @param {RunData} run
   */
  constructor(api, run) {
    this._api = api;
    this._run = run;
    this._anyway = false;
    /** @type {Map<string, Seen>} */
    this._kept = new Map();
  }

  /** Show also what differs from the record; forgets what was refused. */
  showAnyway() {
    this._anyway = true;
    this._kept.clear();
  }

  /**
   * What is known of an agent at a step.
   * @param {number} agent
   * @param {number} step
   * @returns {Seen | undefined}
   */
  known(agent, step) {
    return this._kept.get(`${agent}@${step}`);
  }

  /**
   * Ask for the states that are not known yet.
   * @param {[number, number][]} wanted Agents and their steps, all of one cut.
   * @param {string} reference The event behind which the cut lies.
   * @param {AbortSignal} signal
   * @returns {AsyncGenerator<void>} Yields whenever some have come.
   */
  async *fetch(wanted, reference, signal) {
    const missing = wanted.filter(([agent, step]) => step >= 0 && !this.known(agent, step));
    for (let from = 0; from < missing.length; from += ASKED_MAX) {
      const some = missing.slice(from, from + ASKED_MAX);
      const answer = await this._api.ofRun(this._run.id, "states", {
        ref: reference,
        agents: some.map(([agent]) => agent).join(","),
        anyway: this._anyway ? 1 : undefined,
      }, { signal });
      const steps = new Map(some);
      for (const { agent_index: agent, view, error } of answer.views) {
        this._keep(`${agent}@${steps.get(agent)}`, { view, error: error ?? null });
      }
      yield;
    }
  }

  /**
   * @param {string} key
   * @param {Seen} seen
   */
  _keep(key, seen) {
    this._kept.set(key, seen);
    if (this._kept.size > KEPT_MAX) {
      const oldest = this._kept.keys().next().value;
      if (oldest !== undefined) this._kept.delete(oldest);
    }
  }
}
