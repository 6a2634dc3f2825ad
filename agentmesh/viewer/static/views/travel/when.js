/** Questions over state: after which events does something hold? */

import { button, fill, h, told } from "../../shell/dom.js";
import { isAbort } from "../../data/api.js";

/** @typedef {import("../../shell/context.js").Context} Context */
/** @typedef {{row: number, ref: string, values: Record<string, any>}} Hit */

export class When {
  /**
   * @param {Context} context
   * @param {(rows: number[]) => void} onHits
   */
  constructor(context, onHits) {
    this._context = context;
    this._onHits = onHits;
    /** @type {Hit[]} */
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
        this._context.run.id, "when", { expr: expression, limit: 10_000, seconds: 120 }, { signal: asking.signal });
      this._tell(answer);
    } catch (error) {
      if (isAbort(error)) return;
      this.input.setAttribute("aria-invalid", "true");
      fill(this._said, h("span", { class: "bad-text" }, told(error instanceof Error ? error.message : String(error))));
    }
  }

  /** @param {any} answer */
  _tell(answer) {
    this._take(answer.events);
    const count = Number(answer.count).toLocaleString("en");
    const of = Number(answer.asked).toLocaleString("en");
    const failures = answer.failures ? `; it could not be told after ${answer.failures}: ${answer.failure?.error ?? ""}` : "";
    const cut = answer.truncated ? `; the first ${this._hits.length.toLocaleString("en")} are marked` : "";
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

  /** @param {Hit[]} hits */
  _take(hits) {
    this._hits = [...hits].sort((a, b) => a.row - b.row);
    fill(this._steps);
    this._onHits(this._hits.map((hit) => hit.row));
  }

  /**
   * Go to the next or previous event after which it holds.
   * @param {1 | -1} direction
   */
  step(direction) {
    const here = this._context.selected();
    const found = direction > 0
      ? this._hits.find((hit) => hit.row > here)
      : this._hits.findLast((hit) => hit.row < here);
    if (found) this._goto(found);
    else this._context.announce(this._hits.length ? "No more events found." : "Ask a question first.");
  }

  /** @param {Hit | undefined} hit */
  _goto(hit) {
    if (hit) this._context.select(hit.row);
  }

  destroy() {
    this._asking?.abort();
  }
}
