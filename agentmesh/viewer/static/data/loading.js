/**
 * Reading a run: what is known of it at once, its tables page by page, and then whatever comes.
 *
 * The first page of what the timeline draws is awaited; the rest comes while somebody looks. When
 * all is here and the run goes on, the server is asked what is new, and answers when there is.
 */

import { ApiError, isAbort } from "./api.js";
import { decode } from "./columns.js";
import { RunData, TABLES } from "./run_data.js";

/** @typedef {import("./api.js").Api} Api */
/** @typedef {import("./types.js").TableName} TableName */

const FIRST_PAGE = 50_000;
const PAGE = 250_000;
const WAIT_SECONDS = 20;
const RETRY_MS = 3_000;

/**
 * @param {Api} api
 * @param {string} id
 * @param {() => void} onGrowth called when there are more rows, or the run's status is another one
 * @returns {Promise<RunData>} with the beginning of it; the rest is on its way
 */
export async function loadRun(api, id, onGrowth) {
  const reading = new Reading(api, id, onGrowth);
  await reading.begin();
  void reading.goOn();
  return reading.run;
}

class Reading {
  /**
   * @param {Api} api
   * @param {string} id
   * @param {() => void} onGrowth
   */
  constructor(api, id, onGrowth) {
    this.api = api;
    this.id = id;
    this.onGrowth = onGrowth;
    this.abort = new AbortController();
    /** What `live` has said last. @type {number | string | undefined} */
    this.seen = undefined;
    /** Whether the server has said that there is more than the tables have. */
    this._stale = false;
    // Both are made by `begin`.
    /** @type {RunData} */
    this.run = /** @type {any} */ (null);
    /** What is read into: the run, or what will take the place of its tables. */
    this.target = this.run;
  }

  async begin() {
    const info = await this._ask("");
    this.target = this.run = new RunData(info, () => this.abort.abort());
    await Promise.all([this._page("turns", FIRST_PAGE), this._page("effects", FIRST_PAGE)]);
  }

  /** Read the rest, and what comes after it, until the run is closed or nothing more can come. */
  async goOn() {
    for (;;) {
      try {
        await this._readAll();
        if (this.run.complete && !this.run.info.growing) return;
        await this._waitForMore();
      } catch (error) {
        if (isAbort(error) || this.abort.signal.aborted) return;
        if (!(await this._recover(error))) return;
      }
    }
  }

  async _readAll() {
    const order = /** @type {TableName[]} */ (["events", "turns", "effects", "messages", "logs"]);
    const lanes = [order.slice(0, 1), order.slice(1)];
    await Promise.all(
      lanes.map(async (tables) => {
        for (const name of tables) await this._readTable(name);
      }),
    );
    this._stale = false;
    this.run.problem = null;
    if (this.target !== this.run) this._replace();
    this.run.complete = TABLES.every((name) => this.run[name].complete);
    this._tell();
  }

  /** @param {TableName} name */
  async _readTable(name) {
    const table = this.target[name];
    if (table.complete && table.rows > 0 && !this._stale) return;
    for (;;) {
      const before = table.rows;
      await this._page(name, PAGE);
      if (table.rows >= table.total || table.rows <= before) break;
      this._tell();
    }
    table.seen = table.walk;
    table.walk = 0;
  }

  /**
   * @param {TableName} name
   * @param {number} limit
   */
  async _page(name, limit) {
    const run = this.target;
    const table = run[name];
    const query = { since: table.rows, seen: table.seen, limit, generation: run.info.generation };
    const { bytes } = await this.api.bytes(this.id, `columns/${name}`, query, this._options());
    const { header, columns } = decode(bytes);
    table.apply(header, columns);
    for (const [key, words] of Object.entries(header.dictionaries)) {
      const from = header.dictionaries_since?.[key] ?? 0;
      run.dictionaries[key] = from > 0 ? [...(run.dictionaries[key] ?? []).slice(0, from), ...words] : words;
    }
    table.walk ||= header.version ?? 0;
    run.version++;
  }

  async _waitForMore() {
    const asked = { wait: WAIT_SECONDS, seen: this.seen };
    const live = await this._ask("live", asked);
    if (live === null) return;
    this.seen = live.version;
    if (live.generation !== this.run.info.generation) throw new Error("GenerationError");
    this._took(await this._ask(""));
    this._stale = true;
    this.run.complete = false;
  }

  /** @param {import("./types.js").RunInfo} info */
  _took(info) {
    if (info.generation !== this.run.info.generation) throw new Error("GenerationError");
    this.run.info = info;
    this.run.version++;
  }

  /**
   * @param {unknown} error
   * @returns {Promise<boolean>} whether to go on
   */
  async _recover(error) {
    const { run } = this;
    const stale =
      error instanceof Error && (error.name === "GenerationError" || error.message === "GenerationError");
    run.problem = stale ? null : /** @type {Error} */ (error);
    if (stale) {
      // What is shown stays until all of the new record is here.
      this.target = new RunData(await this._ask(""));
      return true;
    }
    this._tell();
    if (error instanceof ApiError && error.status >= 400 && error.status < 500) return false;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    return !this.abort.signal.aborted;
  }

  /** The record has changed under us: its new tables take the place of the old ones. */
  _replace() {
    const { run, target } = this;
    for (const name of TABLES) run[name] = target[name];
    run.dictionaries = target.dictionaries;
    run.info = target.info;
    run.version++;
    this.target = run;
  }

  _tell() {
    if (!this.abort.signal.aborted && this.target === this.run) this.onGrowth();
  }

  /**
   * @param {string} what
   * @param {Record<string, string | number | undefined>} [query]
   */
  _ask(what, query) {
    return this.api.ofRun(this.id, what, query, this._options());
  }

  _options() {
    return { signal: this.abort.signal };
  }
}
