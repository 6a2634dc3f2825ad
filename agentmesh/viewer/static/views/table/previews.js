/** The beginnings of payloads, for the rows in view: asked for together, and kept. */

import { isAbort } from "../../data/api.js";
import { TABLE_OF } from "../../logic/rows.js";

/** @typedef {{ row: number, text: string, bytes: number, cut: boolean }} Preview */

const KEPT = 20_000;
const MOST = 400;
const PAUSE_MS = 60;

export class Previews {
  /**
   * @param {import("../../shell/context.js").Context} context
   * @param {() => void} onNews
   */
  constructor(context, onNews) {
    this.context = context;
    this.onNews = onNews;
    /** @type {Map<number, Preview>[]} */
    this._known = [new Map(), new Map(), new Map()];
    /** @type {Set<number>[]} */
    this._wanted = [new Set(), new Set(), new Set()];
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._later = undefined;
    this._abort = new AbortController();
  }

  /**
   * @param {number} table
   * @param {number} row
   * @returns {Preview | undefined} undefined until it has come
   */
  of(table, row) {
    const known = this._known[table].get(row);
    if (!known) {
      this._wanted[table].add(row);
      this._later ??= setTimeout(() => void this._ask(), PAUSE_MS);
    }
    return known;
  }

  /** The rows in view are other ones now: what was wanted before is not any more. */
  begin() {
    for (const each of this._wanted) each.clear();
  }

  /** Forget everything: the run's rows have other numbers now. */
  clear() {
    for (const each of this._known) each.clear();
  }

  async _ask() {
    this._later = undefined;
    const { api, run } = this.context;
    await Promise.all(
      this._wanted.map(async (wanted, table) => {
        const rows = [...wanted].slice(0, MOST).sort((one, other) => one - other);
        wanted.clear();
        if (rows.length === 0) return;
        try {
          const asked = { rows: ranges(rows) };
          const answer = await api.ofRun(run.id, `previews/${TABLE_OF[table]}`, asked, { signal: this._abort.signal });
          const known = this._known[table];
          if (known.size > KEPT) known.clear();
          for (const each of answer.previews) known.set(each.row, each);
        } catch (error) {
          if (isAbort(error)) return;
          for (const row of rows) {
            this._known[table].set(row, { row, text: `(no preview: ${/** @type {any} */ (error).what ?? error})`, bytes: 0, cut: false });
          }
        }
        this.onNews();
      }),
    );
  }

  destroy() {
    this._abort.abort();
    clearTimeout(this._later);
  }
}

/**
 * @param {number[]} rows growing
 * @returns {string} `0-49,70`
 */
export function ranges(rows) {
  const found = [];
  for (let at = 0; at < rows.length; at++) {
    const from = rows[at];
    while (rows[at + 1] === rows[at] + 1) at++;
    found.push(from === rows[at] ? `${from}` : `${from}-${rows[at]}`);
  }
  return found.join(",");
}
