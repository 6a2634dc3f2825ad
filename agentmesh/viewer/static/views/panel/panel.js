/** The event panel: everything that is known of the selected event. */

import { isAbort } from "../../data/api.js";
import { openDialog } from "../../shell/dialog.js";
import { button, copyButton, fill, h, icon, stateMessage, told } from "../../shell/dom.js";
import { conversationView } from "./conversation.js";
import { payloadView } from "./payload.js";
import { causesView, commandsView, errorView, factsOf, logsView, sourceView } from "./sections.js";

/** @typedef {import("../../shell/context.js").Context} Context */

const PAUSE_MS = 70;
const KEPT = 60;

class Panel {
  /**
   * @param {HTMLElement} root
   * @param {Context} context
   */
  constructor(root, context) {
    this.root = root;
    this.context = context;
    this.shown = "";
    /** @type {Map<string, any>} */
    this.known = new Map();
    this.version = -1;
    this.abort = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.later = undefined;
    this.show();
  }

  /** Show the selected event: at once if it is known, else when it has come. */
  show() {
    const { run } = this.context;
    const ref = run.reference(this.context.selected());
    if (ref === this.shown && ref !== "") return;
    this.shown = ref;
    this.abort.abort();
    clearTimeout(this.later);
    if (ref === "") {
      fill(this.root, stateMessage("No event selected", "Select a bar, a row or a link, or go to an event with Ctrl K."));
      return;
    }
    const known = this.known.get(ref);
    if (known) this.draw(known);
    else this.later = setTimeout(() => void this.load(ref), PAUSE_MS);
  }

  /** @param {string} ref */
  async load(ref) {
    this.abort = new AbortController();
    const busy = setTimeout(() => fill(this.root, stateMessage(ref, "", { kind: "busy" })), 300);
    try {
      const event = await this.context.api.ofRun(this.context.run.id, "event", { ref }, { signal: this.abort.signal });
      if (this.known.size > KEPT) this.known.clear();
      if (!this.context.run.info.growing) this.known.set(ref, event);
      if (this.shown === ref) this.draw(event);
    } catch (error) {
      if (isAbort(error)) return;
      const text = error instanceof Error ? error.message : String(error);
      const again = button("Try again", () => void this.load(ref));
      fill(this.root, stateMessage(ref, text, { kind: "failed", actions: [again] }));
    } finally {
      clearTimeout(busy);
    }
  }

  /** @param {any} event */
  draw(event) {
    const { context } = this;
    const { message, effect } = event;
    const error = message?.error ?? effect?.error ?? event.turn?.error;
    const request = effect?.request && payloadView(context, event.ref, effect.request, "Request");
    const payload = event.payload && payloadView(context, event.ref, event.payload, titleOf(event));
    const parts = [
      this.head(event),
      h("section", { class: "part" }, factsOf(context, event)),
      error && errorView(error, message?.traceback ?? "", message?.error || effect?.error ? "Error" : "Error of its turn"),
      event.conversation && conversationView(event.conversation),
      payload,
      request,
      causesView(context, event),
      commandsView(context, event, (command) =>
        void openDialog(command.what, [payloadView(context, event.ref, command.payload, "Payload")], "wide")),
      logsView(event.logs ?? []),
      sourceView(event),
    ];
    const focused = this.root.contains(document.activeElement) ? document.activeElement?.getAttribute("title") : null;
    fill(this.root, ...parts.filter((each) => each !== null));
    this.root.scrollTop = 0;
    // Who steps by the panel's buttons goes on with them.
    const again = [...this.root.querySelectorAll("button")].find((each) => each.title === focused);
    if (focused) again?.focus();
  }

  /** @param {any} event */
  head(event) {
    const { context } = this;
    const step = (/** @type {1 | -1} */ by, /** @type {any} */ link) =>
      button(icon(by < 0 ? "up" : "down"), () => this.step(by), {
        class: "icon small plain", disabled: !link,
        title: by < 0 ? "Previous event of this agent ([)" : "Next event of this agent (])",
      });
    const link = () => location.href;
    return h(
      "header",
      { class: "panel-head" },
      h("div", { class: "panel-row" },
        h("h2", { class: "mono" }, told(event.ref)), copyButton(link, "Copy a link to this event"),
        h("span", { class: "faint" }, `of ${event.steps}`), h("span", { class: "spacer" }),
        step(-1, event.previous), step(1, event.next),
        button(icon("close"), () => context.select(-1), { class: "icon small plain", title: "Select nothing" })),
      h("p", { class: "panel-what" }, told(event.what)),
    );
  }

  /** @param {1 | -1} by */
  step(by) {
    const next = this.context.run.neighbour(this.context.selected(), by);
    if (next >= 0) this.context.select(next);
    else this.context.announce(by > 0 ? "That was the agent's last event." : "That was the agent's first event.");
  }

  /** @param {"cause" | "effect"} what */
  follow(what) {
    const { run } = this.context;
    const event = this.context.selected();
    const cause = run.events.column("cause");
    let found = what === "cause" ? cause[event] : -1;
    for (let row = event + 1; what === "effect" && found < 0 && row < run.count; row++) {
      if (cause[row] === event) found = row;
    }
    if (found >= 0) this.context.select(found);
    else this.context.announce(what === "cause" ? "It came from outside." : "Nothing came of it outside its agent.");
  }

  /** The run has grown, or has been read further. */
  grown() {
    if (this.context.run.info.growing) this.known.clear();
    if (this.context.run.reference(this.context.selected()) !== this.shown) this.show();
  }

  destroy() {
    this.abort.abort();
    clearTimeout(this.later);
  }
}

/** @param {any} event */
function titleOf(event) {
  if (event.effect) return event.effect.error ? "Error" : "Result";
  return event.kind === "started" ? "State" : "Payload";
}

/**
 * @param {HTMLElement} root
 * @param {Context} context
 * @returns {import("../../shell/views.js").Mounted & { keys: import("../../shell/keys.js").Binding[] }}
 */
export function mountPanel(root, context) {
  const panel = new Panel(root, context);
  const group = "Event panel";
  return {
    update(change) {
      if (change.selection || change.params) panel.show();
      if (change.run) panel.grown();
    },
    destroy: () => panel.destroy(),
    keys: [
      { keys: "[", label: "Previous event of the agent", group, run: () => panel.step(-1) },
      { keys: "]", label: "Next event of the agent", group, run: () => panel.step(1) },
      { keys: "{", label: "What it came from", group, run: () => panel.follow("cause") },
      { keys: "}", label: "The first thing that came of it", group, run: () => panel.follow("effect") },
    ],
  };
}
