/** A model call as a conversation: who said what, which tools were called, what it took. */

import { count, cost, plural } from "../../logic/format.js";
import { button, fill, h, told } from "../../shell/dom.js";
import { coloured } from "./payload.js";

const LONG = 1_600;

/**
 * @param {any} talk the server's CONVERSATION
 * @returns {HTMLElement}
 */
export function conversationView(talk) {
  const usage = talk.usage;
  const facts = [
    talk.model && h("span", { class: "pill bare" }, told(talk.model)),
    talk.finish_reason && h("span", { class: "muted" }, "ended by ", told(talk.finish_reason)),
    usage && h("span", { class: "muted" }, `${count(usage.input_tokens)} in, ${count(usage.output_tokens)} out`),
    usage?.cached_tokens > 0 && h("span", { class: "muted" }, `${count(usage.cached_tokens)} cached`),
    usage?.reasoning_tokens > 0 && h("span", { class: "muted" }, `${count(usage.reasoning_tokens)} of reasoning`),
    talk.cost_usd !== null && talk.cost_usd !== undefined && h("span", { class: "muted" }, cost(talk.cost_usd)),
    talk.streamed && h("span", { class: "muted" }, "streamed"),
  ];
  return h(
    "section",
    { class: "part talk" },
    h("header", null, h("h3", null, "Conversation"), h("span", { class: "talk-facts" }, facts)),
    parametersOf(talk),
    h("ol", { class: "talk-list" },
      (talk.messages ?? []).map((/** @type {any} */ each) => said(each, false)),
      (talk.answer ?? []).map((/** @type {any} */ each) => said(each, true))),
    talk.cut && h("p", { class: "muted" }, "The conversation is longer: the payload below has all of it."),
  );
}

/** @param {any} talk */
function parametersOf(talk) {
  const parameters = Object.entries(talk.parameters ?? {});
  const tools = talk.tools ?? [];
  if (parameters.length === 0 && tools.length === 0) return null;
  return h(
    "div",
    { class: "talk-setup" },
    parameters.length > 0 && h("details", null, h("summary", null, plural(parameters.length, "parameter")),
      h("dl", { class: "facts" }, parameters.map(([name, value]) => [h("dt", null, told(name)), h("dd", { class: "mono" }, told(JSON.stringify(value)))]))),
    tools.length > 0 && h("details", null, h("summary", null, plural(tools.length, "tool")),
      h("dl", { class: "facts" }, tools.map((/** @type {any} */ tool) => [h("dt", { class: "mono" }, told(tool.name)), h("dd", null, told(tool.description ?? ""))]))),
  );
}

/**
 * @param {any} message
 * @param {boolean} isAnswer
 */
function said(message, isAnswer) {
  const role = String(message.role);
  const known = ["system", "user", "assistant", "tool", "developer"].includes(role) ? role : "other";
  return h(
    "li",
    { class: `said ${known}${isAnswer ? " answer" : ""}` },
    h("div", { class: "said-role" }, told(role), isAnswer && h("span", { class: "faint" }, " answers"),
      message.tool_call_id && h("span", { class: "faint mono" }, " ", told(message.tool_call_id))),
    message.reasoning && h("details", { class: "reasoning" }, h("summary", null, "Reasoning"), longText(message.reasoning)),
    message.text && longText(message.text),
    (message.tool_calls ?? []).map(toolCall),
    (message.other ?? []).length > 0 && h("p", { class: "faint" }, "also: ", told(message.other.join(", "))),
    !message.text && !(message.tool_calls ?? []).length && !(message.other ?? []).length && h("p", { class: "faint" }, "(no text)"),
  );
}

/** @param {any} call */
function toolCall(call) {
  return h(
    "div",
    { class: "tool-call" },
    h("div", null, h("span", { class: "kind tool" }, "calls"), " ", h("b", { class: "mono" }, told(call.name)),
      call.id && h("span", { class: "faint mono" }, " ", told(call.id))),
    h("pre", { class: "code" }, coloured(prettyJson(call.arguments))),
  );
}

/** @param {string} text */
function prettyJson(text) {
  // Only if nothing is lost: large integers and repeated keys are shown as they came.
  try {
    const value = JSON.parse(text);
    return JSON.stringify(value) === text.replace(/([:,])\s+(?=(?:[^"]*"[^"]*")*[^"]*$)/g, "$1") ? JSON.stringify(value, null, 2) : text;
  } catch {
    return text;
  }
}

/** A text that is shown in part at first, if it is long. @param {string} text */
function longText(text) {
  const element = h("div", { class: "said-text" });
  const rest = text.length - LONG;
  if (rest < LONG / 4) {
    fill(element, told(text));
    return element;
  }
  const more = button(`… ${count(rest)} characters more`, () => fill(element, told(text)), { class: "link" });
  fill(element, told(text.slice(0, LONG)), " ", more);
  return element;
}
