import assert from "node:assert/strict";
import { test } from "node:test";

import {
  answerIn, choicesAt, editOf, FieldError, forkLine, quoted,
} from "../../../agentmesh/viewer/static/logic/edits.js";

const RESPONSE = { status: 200, json: { choices: [{ message: { role: "assistant", content: "Yes" } }], usage: { total_tokens: 3 } } };

test("what can be changed depends on what happened", () => {
  const kinds = (/** @type {any} */ event) => choicesAt({ message: null, effect: null, answer: null, ...event }).map((each) => each.kind);
  assert.deepEqual(kinds({ message: {} }).slice(0, 2), ["message", "drop"]);
  assert.deepEqual(kinds({ effect: {} })[0], "result");
  assert.deepEqual(kinds({ effect: {}, answer: "Yes" })[0], "answer");
  assert.deepEqual(kinds({}), ["insert", "model", "prompt"]);
});

test("of a message only the fields that differ are said", () => {
  const edit = editOf("message", "A/a@1", { value: '{"name": "Ben", "age": 3}' }, { name: "Ada", age: 3 });
  assert.deepEqual(edit, { kind: "message", event: "A/a@1", value: { name: "Ben" }, whole: false });
});

test("a message that loses a field, or is no object, is said as a whole", () => {
  assert.equal(editOf("message", "A/a@1", { value: "{}" }, { name: "Ada" }).whole, true);
  assert.deepEqual(editOf("message", "A/a@1", { value: "0" }, 1), { kind: "message", event: "A/a@1", value: 0, whole: true });
});

test("another answer of a model changes the text and leaves the rest of its response", () => {
  assert.equal(answerIn(RESPONSE), "Yes");
  const edit = editOf("answer", "A/a@1", { text: "No" }, RESPONSE);
  assert.equal(edit.kind, "result");
  assert.equal(answerIn(edit.value), "No");
  assert.deepEqual(edit.value.json.usage, RESPONSE.json.usage);
  assert.equal(answerIn(RESPONSE), "Yes");
});

test("a field that can't be read is named", () => {
  /** @type {[string, Record<string, string>, string][]} */
  const wrong = [
    ["message", { value: "{" }, "value"], ["delay", { seconds: "-1" }, "seconds"], ["reorder", {}, "after"],
    ["model", { name: "", parameters: "[]" }, "parameters"], ["message", { value: '{"a": 1}' }, "value"],
  ];
  for (const [kind, fields, field] of wrong) {
    assert.throws(() => editOf(kind, "A/a@1", fields, { a: 1 }), (error) => error instanceof FieldError && error.field === field);
  }
});

test("the same branch can be made by a command, with words that a shell takes as they are", () => {
  const edits = [editOf("message", "A/a@1", { value: `{"name": "it's"}` }, { name: "" }), editOf("drop", "B/b@2", {}, undefined)];
  assert.equal(
    forkLine("r1", edits, "resample", true),
    `agentmesh fork r1 --edit 'A/a@1={"name":"it'\\''s"}' --drop B/b@2 --policy resample --irreversible`,
  );
  assert.equal(forkLine("r1", [editOf("prompt", "", { old: "a", new: "b" }, undefined)], "stop", false), "");
  assert.equal(quoted("$(rm -rf /)"), "'$(rm -rf /)'");
});
