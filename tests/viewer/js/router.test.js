import assert from "node:assert/strict";
import { test } from "node:test";

import { formatRoute, parseRoute } from "../../../agentmesh/viewer/static/shell/router.js";
import { Store } from "../../../agentmesh/viewer/static/shell/store.js";
import { Keys, nameOf } from "../../../agentmesh/viewer/static/shell/keys.js";

test("a permalink names a run, a view and an event, readably", () => {
  const route = { run: "20261124-041755-9581e5", view: "timeline", params: { event: "Writer/w1@118", q: "a&b=c %" } };
  const hash = formatRoute(route);

  assert.ok(hash.startsWith("#/run/20261124-041755-9581e5/timeline?event=Writer/w1@118&q="));
  assert.deepEqual(parseRoute(hash), route);
});

test("every text survives a permalink", () => {
  for (const text of ["ä ö/ü?&=#%", "\u202e", "100%", "a+b", "%zz", "1 + 1", "🦜", "\n"]) {
    const route = { run: text, view: text, params: { event: text } };
    assert.deepEqual(parseRoute(formatRoute(route)), route, JSON.stringify(text));
  }
});

test("half a surrogate pair makes no error", () => {
  assert.ok(formatRoute({ run: "r", view: "v", params: { event: "\ud800" } }).startsWith("#/run/r/v"));
});

test("what makes no sense is the list of runs", () => {
  for (const hash of ["", "#", "#/", "#/run", "#/run/", "#nothing", "#/%zz/x"]) {
    assert.equal(parseRoute(hash).run, null, hash);
  }
  assert.deepEqual(parseRoute("#/run/r1"), { run: "r1", view: "timeline", params: {} });
});

test("a store tells once for all that changed, and only whom it concerns", async () => {
  const store = new Store({ a: 1, b: 1 });
  /** @type {string[]} */
  const heard = [];
  const end = store.subscribe(["a"], (state, changed) => void heard.push(`a=${state.a} ${[...changed]}`));
  store.subscribe(["b"], () => void heard.push("b"));
  store.set({ a: 2 });
  store.set({ a: 3 });
  await null;
  assert.deepEqual(heard, ["a=3 a"]);
  store.set({ a: 3 });
  await null;
  end();
  store.set({ a: 4, b: 2 });
  await null;
  assert.deepEqual(heard, ["a=3 a", "b"]);
});

/** @param {string} key @param {Record<string, any>} [more] */
function press(key, more = {}) {
  return /** @type {any} */ ({
    key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, target: null, timeStamp: 0,
    preventDefault() {}, ...more,
  });
}

globalThis.HTMLElement ??= /** @type {any} */ (class {});

test("keys have one name each", () => {
  assert.equal(nameOf(press("k", { ctrlKey: true })), "mod+k");
  assert.equal(nameOf(press("?", { shiftKey: true })), "?");
  assert.equal(nameOf(press("ArrowLeft", { shiftKey: true })), "shift+ArrowLeft");
  assert.equal(nameOf(press(" ")), "Space");
});

test("who bound last comes first, and may let a key go on", () => {
  const keys = new Keys();
  /** @type {string[]} */
  const heard = [];
  keys.bind([{ keys: "x", label: "", run: () => void heard.push("shell") }]);
  const end = keys.bind([{ keys: "x, y", label: "", run: () => (heard.push("view"), heard.length > 1 ? false : undefined) }]);
  keys.handle(press("x"));
  keys.handle(press("x"));
  end();
  keys.handle(press("x"));

  assert.deepEqual(heard, ["view", "view", "shell", "shell"]);
});

test("one key after the other is a chord, if it is quick", () => {
  const keys = new Keys();
  let heard = 0;
  keys.bind([{ keys: "g t", label: "", run: () => void heard++ }]);
  keys.handle(press("g"));
  keys.handle(press("t", { timeStamp: 100 }));
  keys.handle(press("t", { timeStamp: 200 }));
  keys.handle(press("g", { timeStamp: 300 }));
  keys.handle(press("t", { timeStamp: 5000 }));

  assert.equal(heard, 1);
});
