/** What only the server can find: text and JSON paths in payloads. Each term is asked for once. */

import { isAbort } from "../../data/api.js";

/** @typedef {import("../../shell/context.js").Context} Context */
/** @typedef {import("../../logic/filter_syntax.js").Term} Term */

/** @type {Record<string, number>} Bits of hits, by the tables of `logic/rows.js`. */
const BITS = { message: 1, turn: 1, effect: 2, log: 4 };
const PAGE = 1000;

/**
 * @typedef {object} Search
 * @property {Uint8Array} hits By number of the event: bits of what was found there.
 * @property {number} found
 * @property {number} searched
 * @property {boolean} done
 * @property {Error | null} error
 */

export class Searches {
  /**
   * @param {Context} context
   * @param {() => void} onNews
   */
  constructor(context, onNews) {
    this.context = context;
    this.onNews = onNews;
    /** @type {Map<string, Search>} */
    this._known = new Map();
    this._abort = new AbortController();
  }

  /**
   * What is known of a term so far; asks for it if nobody has.
   * @param {Term} term
   * @returns {Search | null} null for terms that need no server
   */
  of(term) {
    if (term.sort !== "text" && term.sort !== "path") return null;
    const key = keyOf(term);
    let search = this._known.get(key);
    if (!search) {
      search = { hits: new Uint8Array(this.context.run.count), found: 0, searched: 0, done: false, error: null };
      this._known.set(key, search);
      void this._ask(term, search);
    }
    return search;
  }

  /** Forget everything: other terms are wanted, or the run has grown. @param {Term[]} kept */
  keep(kept) {
    const keys = new Set(kept.map(keyOf));
    if ([...this._known.keys()].every((key) => keys.has(key))) return;
    this._abort.abort();
    this._abort = new AbortController();
    for (const [key, search] of this._known) {
      if (!keys.has(key) || !search.done) this._known.delete(key);
    }
  }

  /**
   * @param {Term} term
   * @param {Search} search
   */
  async _ask(term, search) {
    const { api, run } = this.context;
    const { signal } = this._abort;
    const asked = term.sort === "text" ? { text: term.values[0] } : { where: term.values[0] };
    /** @type {string | undefined} */
    let cursor;
    try {
      do {
        const answer = await api.ofRun(run.id, "search", { ...asked, limit: PAGE, cursor }, { signal });
        for (const hit of answer.hits) mark(search, run, hit);
        search.searched = answer.searched;
        cursor = answer.cursor ?? undefined;
        if (answer.hits.length > 0) this.onNews();
      } while (cursor);
    } catch (error) {
      if (isAbort(error)) return;
      search.error = /** @type {Error} */ (error);
    }
    search.done = true;
    this.onNews();
  }

  destroy() {
    this._abort.abort();
  }
}

/** @param {Term} term */
function keyOf(term) {
  return `${term.sort} ${term.values[0]}`;
}

/**
 * @param {Search} search
 * @param {import("../../data/run_data.js").RunData} run
 * @param {{ agent_index: number, step: number, kind: string }} hit
 */
function mark(search, run, hit) {
  const event = run.rowOf(hit.agent_index, hit.step);
  if (event < 0) return;
  if (event >= search.hits.length) {
    const grown = new Uint8Array(run.count);
    grown.set(search.hits);
    search.hits = grown;
  }
  search.hits[event] |= BITS[hit.kind] ?? 7;
  search.found++;
}
