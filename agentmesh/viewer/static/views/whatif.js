/**
 * What if: change something at the selected event, and run again only what it reaches.
 *
 * Only a viewer that was started with `--control` may: it runs the program. The branch is a run
 * of its own, and what is shown when it is made is both, side by side.
 */

import { button, copyButton, fill, h, stateMessage, told } from "../shell/dom.js";
import { isAbort } from "../data/api.js";
import { answerIn, choicesAt, editOf, editWords, FieldError, forkLine } from "../logic/edits.js";
import { duration } from "../logic/format.js";

/** @typedef {import("../shell/context.js").Context} Context */
/** @typedef {import("../logic/edits.js").Choice} Choice */
/** @typedef {import("../logic/edits.js").Edit} Edit */
/** @typedef {import("../logic/edits.js").Field} Field */

/** @type {[string, string, string][]} */
const POLICIES = [
  ["stop", "Stop there", "The branch ends where an effect has no answer on record. Nothing is performed."],
  ["resample", "Draw from the record", "Such an effect gets an answer that the run has for another one of its kind and name."],
  ["live", "Perform it", "Such an effect is performed: tools run, models are asked, and that may cost."],
];
const SECONDS = 120;
const PAYLOAD_MAX = 262_144;

class WhatIf {
  /**
   * @param {HTMLElement} root
   * @param {Context} context
   */
  constructor(root, context) {
    this.root = root;
    this.context = context;
    /** @type {Edit[]} */
    this.edits = [];
    /** @type {any} */
    this.event = null;
    /** @type {any} */
    this.recorded = undefined;
    /** @type {Choice | null} */
    this.choice = null;
    this.policy = "stop";
    this.irreversible = false;
    /** @type {AbortController | null} */
    this.asking = null;
    this.timer = 0;
    this.form = h("div", { class: "whatif-fields" });
    this.basket = h("div", { class: "whatif-basket" });
    this.line = h("div", { class: "whatif-line" });
    this.said = h("div", { class: "whatif-said", role: "status" });
    this.go = button("Run the branch", () => void this.run(), { class: "primary" });
  }

  /** Show what can be changed at the selected event. */
  async show() {
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    const selected = this.context.selected();
    if (selected < 0) {
      fill(this.root, stateMessage("What if?", "Select an event in any view: a message that arrived, or an effect that ended. Then say here what is to be different."));
      return;
    }
    const ref = this.context.run.reference(selected);
    try {
      this.event = await this.context.api.ofRun(this.context.run.id, "event", { ref, limit: PAYLOAD_MAX }, { signal: asking.signal });
    } catch (error) {
      if (!isAbort(error)) fill(this.root, stateMessage("The event can't be read", String(error instanceof Error ? error.message : error), { kind: "failed" }));
      return;
    }
    this.recorded = jsonOf(this.event.payload);
    const choices = choicesAt({ message: this.event.message, effect: this.event.effect?.ended ? this.event.effect : null, answer: answerIn(this.recorded) });
    fill(this.root, this._page(choices));
    const wanted = this.context.params().change;
    this.choose(choices.find((each) => each.kind === wanted) ?? /** @type {Choice} */ (choices[0]));
    this._draw();
  }

  /** @param {Choice[]} choices */
  _page(choices) {
    return h(
      "div",
      { class: "whatif" },
      h("header", null, h("h2", null, "What if it had been different?"),
        h("p", { class: "muted" }, "At ", h("span", { class: "mono" }, told(this.event.ref)), ": ", told(this.event.what))),
      h("div", { class: "whatif-choices", role: "radiogroup", "aria-label": "What is different" },
        choices.map((choice) => h("label", { class: "whatif-choice" },
          h("input", { type: "radio", name: "choice", value: choice.kind, onchange: () => this.choose(choice) }),
          h("b", null, choice.title), h("span", { class: "muted" }, choice.text)))),
      this.form,
      h("div", { class: "whatif-add" }, button("Add, and change more", () => this.add(), { class: "small", title: "Keep this change, and select another event" })),
      this.basket,
      this._policies(),
      h("div", { class: "whatif-run" }, this.go, this.said),
      this.line,
    );
  }

  _policies() {
    return h(
      "fieldset",
      { class: "whatif-policies" },
      h("legend", null, "Where the record has no answer"),
      POLICIES.map(([id, title, text]) => h("label", { class: "whatif-choice" },
        h("input", { type: "radio", name: "policy", value: id, checked: id === this.policy, onchange: () => this._take(id) }),
        h("b", null, title), h("span", { class: "muted" }, text))),
      h("label", { class: "whatif-irreversible" },
        h("input", { type: "checkbox", checked: this.irreversible, onchange: (/** @type {Event} */ event) => {
          this.irreversible = /** @type {HTMLInputElement} */ (event.target).checked;
          this._draw();
        } }),
        "Also perform what can't be taken back (tools declared with idempotent=False)"),
    );
  }

  /** @param {string} policy */
  _take(policy) {
    this.policy = policy;
    this._draw();
  }

  /** @param {Choice} choice */
  choose(choice) {
    this.choice = choice;
    for (const input of this.root.querySelectorAll('input[name="choice"]')) {
      const radio = /** @type {HTMLInputElement} */ (input);
      radio.checked = radio.value === choice.kind;
    }
    fill(this.form, choice.fields.map((field) => this._field(field)));
    this._draw();
  }

  /** @param {Field} field */
  _field(field) {
    const id = `whatif-${field.name}`;
    const given = this._given(field);
    const properties = { class: "field", id, name: field.name, value: given, placeholder: field.hint ?? "", spellcheck: false, oninput: () => this._draw() };
    const input = field.type === "number" ? h("input", { ...properties, type: "number", min: "0", step: "any" })
      : field.type === "event" || field.rows === 1 ? h("input", { ...properties, type: "text", class: "field mono" })
      : h("textarea", { ...properties, rows: Math.min(Math.max(given.split("\n").length + 1, field.rows ?? 3), 18) });
    return h("div", { class: "whatif-field" },
      h("label", { htmlFor: id }, field.label), input,
      h("p", { class: "bad-text", id: `${id}-error`, role: "alert" }));
  }

  /**
   * What a field says at first.
   * @param {Field} field
   */
  _given(field) {
    const named = this.context.params()[field.name];
    if (named && (field.type === "event" || field.type === "number")) return named;
    if (field.name === "text" && this.choice?.kind === "answer") return answerIn(this.recorded) ?? "";
    if (field.name === "value" && this.choice?.kind !== "insert") return this.event.payload?.truncated ? "" : this.event.payload?.pretty ?? this.event.payload?.text ?? "";
    return field.type === "number" ? "1" : "";
  }

  /**
   * What the form says.
   * @param {boolean} aloud Whether to say what is wrong.
   * @returns {Edit | null}
   */
  draft(aloud) {
    if (!this.choice) return null;
    /** @type {Record<string, string>} */
    const fields = {};
    for (const input of this.form.querySelectorAll("input, textarea")) {
      const { name, value } = /** @type {HTMLInputElement} */ (input);
      fields[name] = value;
      input.removeAttribute("aria-invalid");
      fill(/** @type {Element} */ (this.form.querySelector(`#whatif-${name}-error`)));
    }
    try {
      return editOf(this.choice.kind, this.event.ref, fields, this.recorded);
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      if (aloud) this._refuse(error);
      return null;
    }
  }

  /** @param {FieldError} error */
  _refuse(error) {
    const input = /** @type {HTMLElement | null} */ (this.form.querySelector(`[name="${error.field}"]`));
    input?.setAttribute("aria-invalid", "true");
    input?.focus();
    const place = this.form.querySelector(`#whatif-${error.field}-error`);
    if (place) fill(place, told(error.message));
  }

  add() {
    const edit = this.draft(true);
    if (!edit) return;
    this.edits.push(edit);
    this.context.announce("Added. Select another event to change more.");
    this._draw();
  }

  /** Show what is chosen so far, and the command that does the same. */
  _draw() {
    fill(this.basket, this.edits.length > 0 && [
      h("h3", null, "Also different"),
      h("ul", null, this.edits.map((edit, place) => h("li", null, h("span", null, told(editWords(edit))),
        button("Remove", () => {
          this.edits.splice(place, 1);
          this._draw();
        }, { class: "small plain" })))),
    ]);
    const draft = this.draft(false);
    const all = this._all(draft);
    const line = all.length ? forkLine(this.context.run.id, all, this.policy, this.irreversible) : "";
    fill(this.line, line && [h("h3", null, "The same in a terminal"), h("div", { class: "debug-box" }, h("pre", { class: "debug-line", tabIndex: 0 }, told(line)), copyButton(() => line, "Copy the line"))]);
  }

  /**
   * @param {Edit | null} draft
   * @returns {Edit[]}
   */
  _all(draft) {
    const known = draft && this.edits.some((each) => JSON.stringify(each) === JSON.stringify(draft));
    return draft && !known ? [...this.edits, draft] : this.edits;
  }

  /** Make the branch, and go to where it is held against this run. */
  async run() {
    const draft = this.draft(this.edits.length === 0);
    const edits = this._all(draft);
    if (!edits.length) return;
    const began = performance.now();
    const tell = () => fill(this.said, h("span", { class: "muted" }, `running … ${duration((performance.now() - began) * 1e6, 2)}`));
    this.go.disabled = true;
    tell();
    this.timer = setInterval(tell, 500);
    try {
      const made = await this.context.api.post(`/api/runs/${encodeURIComponent(this.context.run.id)}/fork`, {
        at: null, edits, policy: this.policy, irreversible: this.irreversible, seconds: SECONDS,
      });
      this.context.announce(`The branch ${made.run_id} is made.`);
      this.context.openRun(this.context.run.id, "compare", { with: made.run_id });
    } catch (error) {
      const [what, ...rest] = (error instanceof Error ? error.message : String(error)).split("\n");
      fill(this.said, h("div", { class: "bad-text" }, told(what ?? "")), rest.map((each) => h("div", { class: "muted" }, told(each))));
    } finally {
      clearInterval(this.timer);
      this.go.disabled = false;
    }
  }

  destroy() {
    clearInterval(this.timer);
    this.asking?.abort();
  }
}

/**
 * @param {import("../data/types.js").Payload | null} payload
 * @returns {any} undefined where it is not all here, or no JSON
 */
function jsonOf(payload) {
  if (!payload || payload.truncated || !payload.json) return undefined;
  try {
    return JSON.parse(payload.text);
  } catch {
    return undefined;
  }
}

/** @param {Context} context */
function switchedOff(context) {
  return stateMessage(
    "What if is switched off",
    "It runs the program, and so the viewer has to be started with --control. This one only looks.",
    { command: `agentmesh view ${context.run.id} --control` },
  );
}

/** @type {import("../shell/views.js").View} */
export const view = {
  mount(root, context) {
    if (!context.control) {
      fill(root, switchedOff(context));
      return {};
    }
    const whatif = new WhatIf(root, context);
    void whatif.show();
    return {
      update(change) {
        if (change.selection) void whatif.show();
      },
      destroy: () => whatif.destroy(),
    };
  },
};
