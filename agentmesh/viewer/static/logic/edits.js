/**
 * What can be different in a branch: from the fields of a form to an edit, and to the words of the
 * command that makes the same branch. No DOM in here.
 */

import { equal } from "./json_tree.js";

/** @typedef {import("./json_tree.js").Json} Json */
/** @typedef {{kind: string, [name: string]: any}} Edit As the server takes it. */

/**
 * @typedef {object} Choice A kind of change.
 * @property {string} kind
 * @property {string} title
 * @property {string} text What it does, in a sentence.
 * @property {Field[]} fields
 */
/** @typedef {{name: string, label: string, type: "json" | "text" | "number" | "event", rows?: number, hint?: string}} Field */

/** @type {Field} */
const SECONDS = { name: "seconds", label: "Seconds later", type: "number" };
/** @type {Record<string, Choice>} */
const CHOICES = {
  message: {
    kind: "message", title: "Say something else", text: "The message arrives with another content.",
    fields: [{ name: "value", label: "Content", type: "json", rows: 5 }],
  },
  result: {
    kind: "result", title: "Another result", text: "The effect comes to something else.",
    fields: [{ name: "value", label: "Result", type: "json", rows: 5 }],
  },
  answer: {
    kind: "answer", title: "Another answer", text: "The model says something else; the rest of its response stays.",
    fields: [{ name: "text", label: "The model's answer", type: "text", rows: 8 }],
  },
  failure: {
    kind: "failure", title: "Fail", text: "The effect fails.",
    fields: [{ name: "text", label: "What the error says", type: "text", rows: 2 }],
  },
  ask_again: { kind: "ask_again", title: "Ask again", text: "The effect is performed anew, although its answer is on record.", fields: [] },
  drop: { kind: "drop", title: "Lose it", text: "The message never arrives.", fields: [] },
  duplicate: { kind: "duplicate", title: "Twice", text: "The message arrives a second time.", fields: [] },
  delay: { kind: "delay", title: "Later", text: "It comes later by some time.", fields: [SECONDS] },
  reorder: {
    kind: "reorder", title: "After another", text: "It comes only after another message of the same agent.",
    fields: [{ name: "after", label: "After this event", type: "event", hint: "AGENT@STEP" }],
  },
  insert: {
    kind: "insert", title: "One more message", text: "A message that nobody had sent arrives after this event.",
    fields: [
      { name: "to", label: "Agent", type: "text", rows: 1, hint: "Type/key" },
      { name: "handler", label: "Handler", type: "text", rows: 1 },
      { name: "value", label: "Content", type: "json", rows: 4 },
    ],
  },
  model: {
    kind: "model", title: "Another model", text: "Model calls that come later ask another model, or with other parameters.",
    fields: [
      { name: "name", label: "Model", type: "text", rows: 1, hint: "empty: the one that was asked" },
      { name: "parameters", label: "Parameters", type: "json", rows: 2, hint: '{"temperature": 0}' },
    ],
  },
  prompt: {
    kind: "prompt", title: "Another prompt", text: "In prompts that come later, some text is another one.",
    fields: [
      { name: "old", label: "Instead of", type: "text", rows: 3 },
      { name: "new", label: "This", type: "text", rows: 3 },
    ],
  },
};

/**
 * What can be changed at an event.
 * @param {{message: unknown, effect: unknown, answer: string | null}} event `answer`: what a model said there.
 * @returns {Choice[]}
 */
export function choicesAt({ message, effect, answer }) {
  const names = message ? ["message", "drop", "duplicate", "delay", "reorder"]
    : effect ? [...(answer === null ? [] : ["answer"]), "result", "failure", "ask_again", "delay"]
    : [];
  return [...names, "insert", "model", "prompt"].map((name) => /** @type {Choice} */ (CHOICES[name]));
}

/**
 * Make an edit of what a form says.
 * @param {string} kind
 * @param {string} event Reference.
 * @param {Record<string, string>} fields As they were typed.
 * @param {Json | undefined} recorded The payload on record, where it is known.
 * @returns {Edit}
 * @throws {FieldError} A field can't be read.
 */
export function editOf(kind, event, fields, recorded) {
  if (kind === "message") return messageEdit(event, parsed(fields, "value"), recorded);
  if (kind === "result") return { kind, event, value: parsed(fields, "value") };
  if (kind === "answer") return { kind: "result", event, value: withAnswer(recorded, fields.text ?? "") };
  if (kind === "failure") return { kind, event, text: needed(fields, "text") };
  if (kind === "delay") return { kind, event, seconds: positive(fields, "seconds") };
  if (kind === "reorder") return { kind, event, after: needed(fields, "after") };
  if (kind === "insert") {
    return { kind, to: needed(fields, "to"), handler: needed(fields, "handler"), value: parsed(fields, "value") };
  }
  if (kind === "model") return modelEdit(fields);
  if (kind === "prompt") return { kind, old: needed(fields, "old"), new: fields.new ?? "", agents: [] };
  return { kind, event };
}

/** A field that can't be read: which one, and why. */
export class FieldError extends Error {
  /**
   * @param {string} field
   * @param {string} message
   */
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

/**
 * @param {Record<string, string>} fields
 * @param {string} name
 */
function needed(fields, name) {
  const value = (fields[name] ?? "").trim();
  if (!value) throw new FieldError(name, "This is needed.");
  return value;
}

/**
 * @param {Record<string, string>} fields
 * @param {string} name
 */
function positive(fields, name) {
  const value = Number(needed(fields, name));
  if (!(value > 0)) throw new FieldError(name, "A number above zero is needed.");
  return value;
}

/**
 * @param {Record<string, string>} fields
 * @param {string} name
 * @returns {Json}
 */
function parsed(fields, name) {
  try {
    return JSON.parse(needed(fields, name));
  } catch (error) {
    if (error instanceof FieldError) throw error;
    throw new FieldError(name, `This is no JSON: ${error instanceof Error ? error.message : error}`);
  }
}

/**
 * Say only the fields that differ, so that what was not touched stays as exact as it is on record.
 * @param {string} event
 * @param {Json} value
 * @param {Json | undefined} recorded
 * @returns {Edit}
 */
function messageEdit(event, value, recorded) {
  const whole = { kind: "message", event, value, whole: true };
  if (!isObject(value) || !isObject(recorded)) return whole;
  if (Object.keys(recorded).some((name) => !Object.hasOwn(value, name))) return whole;
  const changed = Object.fromEntries(Object.entries(value).filter(([name, one]) => !equal(one, recorded[name])));
  if (!Object.keys(changed).length) throw new FieldError("value", "This is what it said: change something.");
  return { kind: "message", event, value: changed, whole: false };
}

/**
 * @param {Record<string, string>} fields
 * @returns {Edit}
 */
function modelEdit(fields) {
  const name = (fields.name ?? "").trim();
  const parameters = (fields.parameters ?? "").trim() ? parsed(fields, "parameters") : {};
  if (!isObject(parameters)) throw new FieldError("parameters", 'An object is needed: {"temperature": 0}.');
  if (!name && !Object.keys(parameters).length) throw new FieldError("name", "Name a model, or give parameters.");
  return { kind: "model", name, parameters, agents: [] };
}

/**
 * What a model said, in a recorded response of a chat.
 * @param {Json | undefined} response
 * @returns {string | null} null if it is no such response.
 */
export function answerIn(response) {
  const content = choiceIn(response)?.content;
  return typeof content === "string" ? content : null;
}

/**
 * @param {Json | undefined} response
 * @returns {import("./json_tree.js").JsonObject | null} The first choice's message.
 */
function choiceIn(response) {
  const body = isObject(response) && isObject(response.json) ? response.json : null;
  const choices = body?.choices;
  const first = Array.isArray(choices) ? choices[0] : null;
  return isObject(first) && isObject(first.message) ? first.message : null;
}

/**
 * @param {Json | undefined} response
 * @param {string} text
 * @returns {Json}
 */
function withAnswer(response, text) {
  const copy = structuredClone(response);
  const message = choiceIn(copy);
  if (!copy || !message) throw new FieldError("text", "This response has no text: change the whole result.");
  if (message.content === text) throw new FieldError("text", "This is what it said: change something.");
  message.content = text;
  return copy;
}

/**
 * @param {unknown} value
 * @returns {value is import("./json_tree.js").JsonObject}
 */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The command that makes the same branch.
 * @param {string} run
 * @param {Edit[]} edits
 * @param {string} policy
 * @param {boolean} irreversible
 * @returns {string} "" if the command has no words for one of the edits.
 */
export function forkLine(run, edits, policy, irreversible) {
  const words = edits.map(optionOf);
  if (words.some((each) => each === null)) return "";
  const last = [policy === "stop" ? "" : `--policy ${policy}`, irreversible ? "--irreversible" : ""];
  return ["agentmesh fork", run, ...words, ...last].filter(Boolean).join(" ");
}

/**
 * @param {Edit} edit
 * @returns {string | null}
 */
function optionOf(edit) {
  const json = () => JSON.stringify(edit.value);
  if (edit.kind === "result") return `--result ${quoted(`${edit.event}=${json()}`)}`;
  if (edit.kind === "message") return `--edit ${quoted(`${edit.event}=${json()}`)}`;
  if (edit.kind === "failure") return `--fail ${quoted(`${edit.event}=${edit.text}`)}`;
  if (edit.kind === "ask_again") return `--again ${quoted(edit.event)}`;
  if (edit.kind === "drop" || edit.kind === "duplicate") return `--${edit.kind} ${quoted(edit.event)}`;
  if (edit.kind === "delay") return `--delay ${quoted(`${edit.event}=${edit.seconds}s`)}`;
  if (edit.kind === "reorder") return `--reorder ${quoted(`${edit.event}=${edit.after}`)}`;
  if (edit.kind === "insert") return `--insert ${quoted(`${edit.to}.${edit.handler}=${json()}`)}`;
  return null;
}

/**
 * Quote a word for a shell.
 * @param {string} word
 * @returns {string}
 */
export function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * An edit in a few words.
 * @param {Edit} edit
 * @returns {string}
 */
export function editWords(edit) {
  const title = CHOICES[edit.kind]?.title ?? edit.kind;
  if (edit.kind === "insert") return `${title}: ${edit.to}.${edit.handler}`;
  if (edit.kind === "model") return `${title}: ${edit.name || JSON.stringify(edit.parameters)}`;
  if (edit.kind === "delay") return `${title}: ${edit.event} by ${edit.seconds} s`;
  if (edit.kind === "reorder") return `${title}: ${edit.event} after ${edit.after}`;
  return edit.event ? `${title}: ${edit.event}` : title;
}
