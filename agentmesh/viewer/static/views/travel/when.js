/** Questions over state: after which events does something hold? */

import { button, fill, h, told } from "../../shell/dom.js";
import { isAbort } from "../../data/api.js";

/** @typedef {import("../../shell/context.js").Context} Context */
/** @typedef {{first: string, last: string, row: number, last_row: number}} Span Events in a row after each of which it holds. */

const MARKED_MAX = 20_000;
const SPANS_MAX = 2_000;

export class When {
  /**
   * @param {Context} context
   * @param {(rows: number[]) => void} onHits
   */
  constructor(context, onHits) {
    this._context = context;
    this._onHits = onHits;
    /** @type {number[]} Rows, sorted. */
    this._hits = [];
    /** @type {AbortController | null} */
    this._asking = null;
    this.input = h("input", {
      class: "field mono", type: "text", spellcheck: false, autocomplete: "off",
      placeholder: "stock.left < 0", "aria-label": "When does this hold? An expression over the state of agents",
      onkeydown: (/** @type {KeyboardEvent} */ event) => this._pressed(event),
    });
    this._said = h("span", { class: "when-said muted", role: "status" });
    this._steps = h("span", { class: "when-steps" });
    this.element = h(
      "div",
      { class: "when" },
      h("label", { class: "when-label" }, "When"),
      this.input,
      button("Find", () => void this.ask(this.input.value.trim()), { class: "small" }),
      this._said,
      this._steps,
    );
  }

  /** @param {KeyboardEvent} event */
  _pressed(event) {
    if (event.key === "Enter") void this.ask(this.input.value.trim());
    else if (event.key === "Escape") {
      if (this.input.value) void this.ask("");
      else this.input.blur();
    } else return;
    event.preventDefault();
  }

  /**
   * Ask, and keep the question in the permalink.
   * @param {string} expression "" takes marks away
   */
  async ask(expression) {
    this._asking?.abort();
    this.input.value = expression;
    this.input.removeAttribute("aria-invalid");
    this._context.setParams({ when: expression });
    this._take([]);
    fill(this._said);
    if (!expression) return;
    const asking = (this._asking = new AbortController());
    fill(this._said, "replaying …");
    try {
      const answer = await this._context.api.ofRun(
        this._context.run.id, "when", { expr: expression, limit: SPANS_MAX, seconds: 120 }, { signal: asking.signal });
      this._tell(answer);
    } catch (error) {
      if (isAbort(error)) return;
      this.input.setAttribute("aria-invalid", "true");
      fill(this._said, h("span", { class: "bad-text" }, told(error instanceof Error ? error.message : String(error))));
    }
  }

  /** @param {any} answer */
  _tell(answer) {
    this._take(this._rowsOf(answer.spans));
    const count = Number(answer.count).toLocaleString("en");
    const of = Number(answer.asked).toLocaleString("en");
    const failures = answer.failures ? `; it could not be told after ${answer.failures}: ${answer.failure?.error ?? ""}` : "";
    const cut = this._hits.length < answer.count ? `; ${this._hits.length.toLocaleString("en")} of them are marked` : "";
    fill(this._said, told(answer.count ? `holds after ${count} of ${of} events${cut}${failures}` : `never holds (${of} events)${failures}`));
    if (!this._hits.length) return;
    fill(
      this._steps,
      button("First", () => this._goto(this._hits[0]), { class: "small" }),
      button("Previous", () => this.step(-1), { class: "small", title: "N" }),
      button("Next", () => this.step(1), { class: "small", title: "n" }),
      button("Last", () => this._goto(this._hits.at(-1)), { class: "small" }),
    );
  }

  /**
   * The events of spans: those of one agent, or what lies between in the run order.
   * @param {Span[]} spans
   * @returns {number[]}
   */
  _rowsOf(spans) {
    const { run } = this._context;
    /** @type {Set<number>} */
    const found = new Set();
    for (const span of spans) {
      const [agent, first] = parts(span.first);
      const [other, last] = parts(span.last);
      const number = run.agentNumber(agent);
      const [from, to] = agent === other ? [first, last] : [span.row, span.last_row];
      for (let at = from; at <= to && found.size < MARKED_MAX; at++) {
        found.add(agent === other ? run.rowOf(number, at) : at);
      }
    }
    found.delete(-1);
    return [...found].sort((a, b) => a - b);
  }

  /** @param {number[]} hits */
  _take(hits) {
    this._hits = hits;
    fill(this._steps);
    this._onHits(hits);
  }

  /**
   * Go to the next or previous event after which it holds.
   * @param {1 | -1} direction
   */
  step(direction) {
    const here = this._context.selected();
    const found = direction > 0 ? this._hits.find((row) => row > here) : this._hits.findLast((row) => row < here);
    if (found !== undefined) this._goto(found);
    else this._context.announce(this._hits.length ? "No more events found." : "Ask a question first.");
  }

  /** @param {number | undefined} row */
  _goto(row) {
    if (row !== undefined) this._context.select(row);
  }

  destroy() {
    this._asking?.abort();
  }
}

/**
 * @param {string} reference
 * @returns {[string, number]}
 */
function parts(reference) {
  const at = reference.lastIndexOf("@");
  return [reference.slice(0, at), Number(reference.slice(at + 1))];
}
