/** The parts of the event panel: what happened, why, what came of it, and where to look further. */

import { clock, cost, count, duration, size } from "../../logic/format.js";
import { button, copyButton, h, told } from "../../shell/dom.js";

/** @typedef {import("../../shell/context.js").Context} Context */
/** @typedef {import("../../data/types.js").Link} Link */

/** @type {Record<string, string>} */
const TONES = {
  done: "good", finished: "good", failed: "bad", expired: "bad", dead: "bad", cancelled: "warn", open: "info", continued: "",
};

/**
 * @param {string} outcome
 * @param {string} [words]
 */
export function outcomePill(outcome, words = outcome) {
  return h("span", { class: `pill ${TONES[outcome] ?? ""}` }, words);
}

/**
 * A link to another event of the run.
 * @param {Context} context
 * @param {Link} link
 */
export function linkTo(context, link) {
  return h("span", { class: "event-line" }, anchor(context, link), h("span", { class: "clip", title: link.what }, told(link.what)));
}

/**
 * @param {Context} context
 * @param {Link} link
 */
function anchor(context, link) {
  const row = context.run.find(link.ref);
  if (row >= 0) return context.eventLink(row, link.ref);
  return h("span", { class: "mono muted" }, told(link.ref));
}

/**
 * What is known in a few words.
 * @param {Context} context
 * @param {any} event
 */
export function factsOf(context, event) {
  /** @type {[string, import("../../shell/dom.js").Child][]} */
  const facts = [];
  const { message, effect, turn } = event;
  facts.push(["At", [duration(event.at_ns, 9), h("span", { class: "faint" }, ` · ${clock(event.at_ms, true)}`)]]);
  if (message) {
    facts.push(["Message", [h("span", { class: "mono" }, told(message.id)), h("span", { class: "faint" }, ` ${message.kind}`)]]);
    facts.push(["From", message.sent ? anchor(context, message.sent) : told(message.sender || "outside")]);
    if (message.deadline_ms) facts.push(["Deadline", clock(message.deadline_ms, true)]);
    if (message.outcome) {
      const took = message.ended ? message.ended.at_ns - event.at_ns : 0;
      const time = took > 0 ? ` after ${duration(took)}` : "";
      const elsewhere = message.ended && message.ended.ref !== event.ref;
      facts.push(["Ended", [outcomePill(message.outcome), h("span", { class: "muted" }, time, elsewhere && " at "), elsewhere && anchor(context, message.ended)]]);
    }
  }
  if (effect) facts.push(...effectFacts(context, effect));
  if (turn) {
    facts.push(["Turn", [told(`${turn.number}, ${turn.handler} `), turn.delivered && turn.delivered.ref !== event.ref && anchor(context, turn.delivered)]]);
    if (!message && turn.outcome) facts.push(["Turn ended", [outcomePill(turn.outcome), " ", turn.ended && anchor(context, turn.ended)]]);
  }
  return h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", null, name), h("dd", null, value)]));
}

/**
 * @param {Context} context
 * @param {any} effect
 * @returns {[string, import("../../shell/dom.js").Child][]}
 */
function effectFacts(context, effect) {
  /** @type {[string, import("../../shell/dom.js").Child][]} */
  const facts = [["Effect", [told(`${effect.kind} ${effect.name}`)]]];
  if (effect.began) facts.push(["Began", anchor(context, effect.began)]);
  const took = effect.duration_ns > 0 ? ` after ${duration(effect.duration_ns)}` : "";
  facts.push(["Ended", [outcomePill(effect.status), h("span", { class: "muted" }, took)]]);
  if (effect.usage) {
    const { input_tokens: input, output_tokens: output } = effect.usage;
    facts.push(["Tokens", `${count(input)} in, ${count(output)} out`]);
  }
  if (effect.cost_usd) facts.push(["Cost", cost(effect.cost_usd)]);
  if (!effect.idempotent) facts.push(["Repeated", "never: it may not be done twice"]);
  return facts;
}

/**
 * An error, with its three parts and where it came from.
 * @param {any} error
 * @param {string} [traceback]
 * @param {string} [title]
 */
export function errorView(error, traceback = "", title = "Error") {
  return h(
    "section",
    { class: "part error" },
    h("header", null, h("h3", null, title), h("span", { class: "mono bad-text" }, told(String(error.type ?? "").replace(/^builtins\./, "")))),
    h("p", { class: "error-what" }, told(error.what ?? "")),
    error.cause && h("p", { class: "muted" }, told(error.cause)),
    error.fix && h("p", null, told(error.fix)),
    traceback && h("details", null, h("summary", null, "Traceback"), h("pre", { class: "code", tabIndex: 0 }, told(traceback))),
  );
}

/**
 * What it came from, and what came of it.
 * @param {Context} context
 * @param {any} event
 */
export function causesView(context, event) {
  const left = event.effects_of_count - event.effects_of.length;
  return h(
    "section",
    { class: "part" },
    h("header", null, h("h3", null, "Causes and effects")),
    h("dl", { class: "facts links" },
      h("dt", null, "Came from"), h("dd", null, event.cause ? linkTo(context, event.cause) : h("span", { class: "faint" }, "outside, or not on record")),
      event.previous && [h("dt", null, "Before it"), h("dd", null, linkTo(context, event.previous))],
      event.next && [h("dt", null, "After it"), h("dd", null, linkTo(context, event.next))],
      h("dt", null, "Led to"), h("dd", null,
        event.effects_of.length === 0 ? h("span", { class: "faint" }, "nothing outside its agent") : event.effects_of.map((/** @type {Link} */ each) => linkTo(context, each)),
        left > 0 && h("span", { class: "muted" }, `… and ${count(left)} more: the sequence view has them`))),
  );
}

/**
 * What handling it issued.
 * @param {Context} context
 * @param {any} event
 * @param {(command: any) => void} open shows a command's payload
 */
export function commandsView(context, event, open) {
  if (!event.handled) {
    return h("section", { class: "part" }, h("header", null, h("h3", null, "Commands")),
      h("p", { class: "muted" }, "The record ends before what handling it issued: its host died, or is still at it."));
  }
  if (event.commands.length === 0) return null;
  return h(
    "section",
    { class: "part" },
    h("header", null, h("h3", null, "Commands"), h("span", { class: "faint" }, event.commands.length)),
    h("ol", { class: "commands" }, event.commands.map((/** @type {any} */ each) =>
      h("li", null,
        h("span", { class: `kind ${commandTone(each.kind)}` }, h("span", { class: "hidden-text" }, each.kind)),
        h("span", { class: "clip", title: each.what }, told(each.what)),
        each.payload && button(size(each.payload.bytes), () => open(each), { class: "small plain", title: "Show what it carries" }),
        each.link && anchor(context, each.link)))),
  );
}

/** @param {string} kind */
function commandTone(kind) {
  if (kind === "sent") return "message";
  if (kind === "start_effect") return "tool";
  return kind.endsWith("timer") ? "timer" : "log";
}

/** @param {any[]} logs */
export function logsView(logs) {
  if (logs.length === 0) return null;
  return h(
    "section",
    { class: "part" },
    h("header", null, h("h3", null, "Log")),
    h("ol", { class: "log-lines" }, logs.map((each) =>
      h("li", null, h("span", { class: `level ${each.level}` }, each.level), " ", told(each.text),
        Object.keys(each.fields ?? {}).length > 0 && h("span", { class: "muted mono" }, " ", told(JSON.stringify(each.fields)))))),
  );
}

/** @param {any} event */
export function sourceView(event) {
  const { source, debug_line: line } = event;
  return h(
    "section",
    { class: "part" },
    h("header", null, h("h3", null, "Source")),
    source && h("div", { class: "source" },
      h("div", { class: "mono source-file" }, told(`${source.file}:${source.line}`)),
      h("div", { class: "muted" }, "in ", h("span", { class: "mono" }, told(source.function)), !source.exists && " (the file is gone)"),
      source.text && h("pre", { class: "code", tabIndex: 0 }, told(source.text))),
    line && h("div", { class: "command-line" }, h("code", null, told(line)), copyButton(() => line, "Copy the command")),
  );
}
