/**
 * A run as the viewer has it: what is known of it, its tables, and who is where. It grows in place
 * while it is read, and while the run goes on. No DOM, no requests.
 *
 * An event is known by its number in the run order, which is its row in the table `events`, and by
 * its reference `Writer/w1@118`. While a run grows, numbers may move; references never do.
 */

import { Table } from "./columns.js";

/** @typedef {import("./types.js").RunInfo} RunInfo */
/** @typedef {import("./types.js").TableName} TableName */

/** @type {readonly TableName[]} */
export const TABLES = ["turns", "effects", "messages", "events", "logs"];

export const OUTCOMES = ["open", "done", "failed", "expired", "cancelled", "dead", "continued"];
export const EFFECT_KINDS = ["effect", "tool", "http", "call", "opaque", "model", "timer"];
export const EFFECT_STATUS = ["open", "finished", "failed", "cancelled"];
export const MESSAGE_KINDS = [
  "tell", "ask", "reply", "fail", "chunk", "cancel", "spawn", "stop", "continue", "monitor", "escalate",
];
export const EVENT_KINDS = [
  "started", "delivered", "finished", "failed", "streamed", "fired", "cancelled", "stopped",
];
export const LEVELS = ["debug", "info", "warning", "error", "critical"];

export class RunData {
  /**
   * @param {RunInfo} info
   * @param {() => void} [onClose] lets go of what reads it
   */
  constructor(info, onClose) {
    this.info = info;
    this.id = info.id;
    /** Grows with everything that was read. */
    this.version = 0;
    /** Whether all tables have all that is on record. */
    this.complete = false;
    /** Why reading it has stopped; null while it goes well. @type {Error | null} */
    this.problem = null;
    /** @type {Record<string, string[]>} */
    this.dictionaries = {};
    this.turns = new Table();
    this.effects = new Table();
    this.messages = new Table();
    this.events = new Table();
    this.logs = new Table();
    this._close = onClose;
    /** @type {Index | null} */
    this._index = null;
    /** @type {Map<string, number>} */
    this._addresses = new Map();
  }

  /** All agents, in order of their numbers. */
  get agents() {
    return this.info.agents;
  }

  /** How many events are known. */
  get count() {
    return this.events.rows;
  }

  /** Time of the last event, in nanoseconds since the first. */
  get duration() {
    return this.info.duration_ns ?? 0;
  }

  /**
   * A word of a dictionary: `handlers`, `types`, `effect_names`, `models`, `texts`.
   * @param {string} dictionary
   * @param {number | undefined} code
   * @returns {string} "" if there is none
   */
  word(dictionary, code) {
    return this.dictionaries[dictionary]?.[code ?? 0] ?? "";
  }

  /**
   * @param {number} agent its number
   * @returns {string} "outside" for -1
   */
  address(agent) {
    return this.agents[agent]?.address ?? "outside";
  }

  /**
   * @param {string} address
   * @returns {number} -1 if there is no such agent
   */
  agentNumber(address) {
    if (this._addresses.size !== this.agents.length) {
      this._addresses = new Map(this.agents.map((each) => [each.address, each.index]));
    }
    return this._addresses.get(address) ?? -1;
  }

  /**
   * The number of an agent's step in the run order.
   * @param {number} agent
   * @param {number} step
   * @returns {number} -1 if it isn't known (yet)
   */
  rowOf(agent, step) {
    const index = this.index;
    const first = index.first[agent];
    if (first === undefined || step < 0 || step >= (index.first[agent + 1] ?? 0) - first) return -1;
    return index.rows[first + step] ?? -1;
  }

  /**
   * The same for many: `rows[first[agent] + step]` is the number of the agent's step.
   * @returns {Index}
   */
  get index() {
    if (this._index?.version !== this.version) {
      this._index = indexEvents(this.events, this.agents.length, this.version);
    }
    return /** @type {Index} */ (this._index);
  }

  /**
   * @param {number} row an event's number
   * @returns {string} `Writer/w1@118`; "" if there is no such event
   */
  reference(row) {
    if (row < 0 || row >= this.events.rows) return "";
    const agent = this.events.column("agent")[row] ?? -1;
    return `${this.address(agent)}@${this.events.column("step")[row]}`;
  }

  /**
   * The number of the event with a reference (or with that number).
   * @param {string} reference
   * @returns {number} -1 if there is none (yet)
   */
  find(reference) {
    const at = reference.lastIndexOf("@");
    if (at < 0) {
      const row = /^\d+$/.test(reference) ? Number(reference) : -1;
      return row < this.events.rows ? row : -1;
    }
    const step = reference.slice(at + 1);
    if (!/^\d+$/.test(step)) return -1;
    return this.rowOf(this.agentNumber(reference.slice(0, at)), Number(step));
  }

  /**
   * The next or previous event of the same agent.
   * @param {number} row
   * @param {1 | -1} by
   * @returns {number} -1 if there is none
   */
  neighbour(row, by) {
    const agent = this.events.column("agent")[row];
    const step = this.events.column("step")[row];
    return agent === undefined || step === undefined ? -1 : this.rowOf(agent, step + by);
  }

  /** Let go of everything that reads it. */
  close() {
    this._close?.();
  }
}

/** @typedef {{ version: number, first: Uint32Array, rows: Int32Array }} Index */

/**
 * @param {Table} events
 * @param {number} agents
 * @param {number} version
 * @returns {Index}
 */
function indexEvents(events, agents, version) {
  const agent = events.column("agent");
  const step = events.column("step");
  const first = new Uint32Array(agents + 1);
  for (let row = 0; row < events.rows; row++) {
    const one = /** @type {number} */ (agent[row]);
    const steps = /** @type {number} */ (step[row]) + 1;
    if (one < agents && steps > /** @type {number} */ (first[one + 1])) first[one + 1] = steps;
  }
  for (let one = 0; one < agents; one++) {
    first[one + 1] = /** @type {number} */ (first[one + 1]) + /** @type {number} */ (first[one]);
  }
  const rows = new Int32Array(first[agents] ?? 0).fill(-1);
  for (let row = 0; row < events.rows; row++) {
    const one = /** @type {number} */ (agent[row]);
    if (one < agents) {
      rows[/** @type {number} */ (first[one]) + /** @type {number} */ (step[row])] = row;
    }
  }
  return { version, first, rows };
}
