/** Beside the aligned events: what both runs came to, what was changed, and the selected row's difference. */

import { copyButton, fill, h, stateMessage, told } from "../../shell/dom.js";
import { cost, count, duration } from "../../logic/format.js";
import { KIND_NAMES } from "../../logic/alignment.js";
import { Tree } from "../tree.js";

/** @typedef {import("../../shell/context.js").Context} Context */
/** @typedef {import("../../data/run_data.js").RunData} RunData */

/** @type {Record<string, string>} */
export const MEANINGS = {
  same: "the same in both",
  order: "the same event at another place",
  commands: "the same event, and it did something else",
  content: "the same event with another content",
  event: "in one run only",
};

/**
 * What both runs came to.
 * @param {any} diff
 */
export function outcome(diff) {
  const [one, other] = diff.figures;
  return h(
    "section",
    { class: "aside-part" },
    h("h2", null, "Outcome"),
    h("table", { class: "figures outcome" },
      h("thead", null, h("tr", null, h("th", { scope: "col" }, h("span", { class: "hidden-text" }, "Figure")),
        h("th", { scope: "col" }, side("A")), h("th", { scope: "col" }, side("B")), h("th", { scope: "col" }, "B − A"))),
      h("tbody", null,
        h("tr", null, h("th", { scope: "row" }, "Status"), h("td", null, status(diff.a.status)), h("td", null, status(diff.b.status)), h("td")),
        figure("Cost", one.cost_usd, other.cost_usd, cost),
        figure("Input tokens", one.input_tokens, other.input_tokens, count),
        figure("Output tokens", one.output_tokens, other.output_tokens, count),
        figure("Time", one.seconds * 1e9, other.seconds * 1e9, (ns) => duration(ns)),
        figure("Agents", one.agents, other.agents, count),
        figure("Events", one.events, other.events, count),
        figure("Messages", one.messages, other.messages, count),
        figure("Failed effects", one.failed_effects, other.failed_effects, count))),
    results(diff),
  );
}

/** @param {"A" | "B"} letter */
export function side(letter) {
  return h("span", { class: `side-letter side-${letter.toLowerCase()}` }, letter);
}

/** @param {string} word */
function status(word) {
  const tone = word === "done" ? "good" : word === "failed" ? "bad" : "";
  return h("span", { class: `pill ${tone}` }, told(word));
}

/**
 * @param {string} name
 * @param {number | null} one
 * @param {number | null} other
 * @param {(value: number) => string} shown
 */
function figure(name, one, other, shown) {
  if (!one && !other) return null;
  const known = one !== null && other !== null;
  const difference = known ? other - one : NaN;
  const sign = difference > 0 ? "+" : "−";
  return h("tr", null, h("th", { scope: "row" }, name),
    h("td", null, one === null ? "–" : shown(one)), h("td", null, other === null ? "–" : shown(other)),
    h("td", { class: "difference" }, !known ? "" : difference === 0 ? "=" : `${sign}${shown(Math.abs(difference))}`));
}

/** @param {any} diff */
function results(diff) {
  const [one, other] = diff.results;
  const [failed, broken] = diff.errors;
  const tree = new Tree("Results, from A to B", { open: 3 });
  tree.show(other ?? null, one ?? null);
  const errors = [["A", failed], ["B", broken]].filter(([, error]) => error);
  return [
    (one !== null || other !== null) && [
      h("h3", null, "Result, from ", side("A"), " to ", side("B")),
      JSON.stringify(one) === JSON.stringify(other) && h("p", { class: "muted" }, "the same"),
      tree.element,
    ],
    errors.map(([letter, error]) => h("p", { class: "bad-text" }, letter, ": ", told(error.what ?? String(error)))),
  ];
}

/**
 * What was changed on purpose.
 * @param {any} diff
 */
export function changes(diff) {
  if (!diff.fork) return null;
  const parent = diff.fork.parent === "a" ? "A" : "B";
  return h(
    "section",
    { class: "aside-part" },
    h("h2", null, side(parent === "A" ? "B" : "A"), " is a branch of ", side(parent)),
    h("ul", { class: "edits" }, diff.fork.edits.map((/** @type {any} */ edit) => h("li", null,
      h("b", null, told(EDIT_WORDS[edit.edit] ?? edit.edit)), " ", h("span", { class: "mono" }, told(edit.event ?? "")),
      edited(edit)))),
  );
}

/** @type {Record<string, string>} */
const EDIT_WORDS = {
  result: "another result of an effect", message: "another content of a message", drop: "a message is lost",
  duplicate: "a message comes twice", delay: "it comes later", reorder: "it comes after another", insert: "one more message",
  model: "other model calls", prompt: "another prompt", ask_again: "an effect is asked for again",
};

/** @param {any} edit */
function edited(edit) {
  const { edit: _, event: __, branch: ___, message: ____, ...said } = edit;
  const given = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== "" && value !== false && value !== null));
  if (!Object.keys(given).length) return null;
  const tree = new Tree("What was changed", { open: 3 });
  tree.show(given);
  return tree.element;
}

/** The selected row: both events, and how what they carry differs. */
export class Detail {
  /**
   * @param {Context} context
   * @param {RunData} one
   * @param {RunData} other
   */
  constructor(context, one, other) {
    this._context = context;
    this._one = one;
    this._other = other;
    this.element = h("section", { class: "aside-part compare-detail", "aria-live": "polite" });
    /** @type {AbortController | null} */
    this._asking = null;
  }

  /**
   * @param {number} a An event of the first run; -1 for none.
   * @param {number} b An event of the other run; -1 for none.
   * @param {number} kind
   * @param {boolean} first Whether it is the first difference.
   */
  async show(a, b, kind, first) {
    this._asking?.abort();
    const asking = (this._asking = new AbortController());
    const [mine, its] = [this._one.reference(a), this._other.reference(b)];
    const body = h("div", { class: "diff-body" }, stateMessage("Reading", "", { kind: "busy" }));
    fill(
      this.element,
      h("h2", null, first ? "First divergence" : "Event", h("span", { class: "muted" }, `: ${MEANINGS[KIND_NAMES[kind] ?? ""]}`)),
      h("div", { class: "detail-events" },
        mine && h("div", null, side("A"), " ", this._link(this._one, a, mine)),
        its && h("div", null, side("B"), " ", this._link(this._other, b, its))),
      body,
    );
    try {
      fill(body, await this._difference(mine, its, asking.signal, KIND_NAMES[kind] === "commands"));
    } catch (error) {
      if (!asking.signal.aborted) fill(body, h("p", { class: "bad-text" }, told(error instanceof Error ? error.message : String(error))));
    }
  }

  /**
   * @param {RunData} run
   * @param {number} event
   * @param {string} reference
   */
  _link(run, event, reference) {
    const go = () => this._context.openRun(run.id, "travel", { event: reference });
    return [
      h("a", { class: "mono", href: `#/run/${encodeURIComponent(run.id)}/travel?event=${encodeURIComponent(reference)}`, onclick: go, title: "Travel there" }, told(reference)),
      h("span", { class: "faint" }, ` event ${count(event + 1)}, +${duration(run.events.column("at")[event] ?? 0)}`),
    ];
  }

  /**
   * What handling the event did in each run.
   * @param {string} mine
   * @param {string} its
   * @param {AbortSignal} signal
   */
  async _done(mine, its, signal) {
    const told = await Promise.all([[this._one.id, mine], [this._other.id, its]].map(async ([run, ref]) => {
      const event = await this._context.api.ofRun(run, "event", { ref }, { signal });
      return event.commands.map((/** @type {any} */ each) => `${each.what} ${each.payload?.text ?? ""}`.trim());
    }));
    const tree = new Tree("What it did, from A to B", { open: 3 });
    tree.show(told[1], told[0]);
    return [h("h3", null, "What it did, from ", side("A"), " to ", side("B")),
      String(told[0]) === String(told[1]) && h("p", { class: "faint" }, "What it sent has another content: see where that arrived, further down."), tree.element];
  }

  /**
   * @param {string} mine
   * @param {string} its
   * @param {AbortSignal} signal
   * @param {boolean} does Whether handling it did something else.
   */
  async _difference(mine, its, signal, does) {
    const { api } = this._context;
    if (!mine || !its) {
      const [run, ref] = mine ? [this._one, mine] : [this._other, its];
      const event = await api.ofRun(run.id, "event", { ref }, { signal });
      return [h("p", { class: "muted" }, told(event.what)), payload(event.payload)];
    }
    const found = await api.json("/api/diff/payload", { a: this._one.id, a_ref: mine, b: this._other.id, b_ref: its }, { signal });
    if (!found.lines.some((/** @type {[string, string]} */ [sign]) => sign !== " ")) {
      return [h("p", { class: "muted" }, "What came is the same in both."), payload(found.a), does && await this._done(mine, its, signal)];
    }
    return [
      found.pointer && h("p", { class: "muted" }, "First difference at ", h("code", null, told(found.pointer))),
      h("div", { class: "diff-lines mono", tabIndex: 0, role: "region", "aria-label": "Difference of the payloads" }, found.lines.map(line)),
      found.cut && h("p", { class: "faint" }, "Only the beginning is shown: the payloads are larger."),
    ];
  }

  destroy() {
    this._asking?.abort();
  }
}

/** @param {[string, string]} found */
function line([sign, text]) {
  const names = sign === "+" ? "is-added" : sign === "-" ? "is-removed" : "";
  return h("div", { class: `diff-line ${names}` }, h("span", { class: "diff-sign" }, sign), h("span", null, told(text)));
}

/** @param {import("../../data/types.js").Payload | null} found */
function payload(found) {
  if (!found || !found.bytes) return h("p", { class: "faint" }, "It carries nothing.");
  return h("div", { class: "payload-box" },
    h("pre", { class: "diff-lines", tabIndex: 0 }, told(found.pretty ?? found.text)),
    copyButton(() => found.text, "Copy it"),
    found.truncated && h("p", { class: "faint" }, `The first ${count(found.text.length)} of ${count(found.bytes)} bytes.`));
}
