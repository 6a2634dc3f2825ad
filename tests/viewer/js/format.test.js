import assert from "node:assert/strict";
import { test } from "node:test";

import { cost, duration, shortCount, since, size } from "../../../agentmesh/viewer/static/logic/format.js";
import { brief, pieces, visible } from "../../../agentmesh/viewer/static/logic/text.js";
import { stepFor, tickLabel, ticks } from "../../../agentmesh/viewer/static/logic/ticks.js";
import { jsonTokens } from "../../../agentmesh/viewer/static/logic/json_tokens.js";

test("durations have a unit that fits", () => {
  const told = [0, 12, 1_500, 999_999, 1_234_567, 1e9, 59.9e9, 60e9, 200e9, 3600e9, 90_061e9, -5e6].map((ns) => duration(ns));

  assert.deepEqual(told, ["0", "12 ns", "1.5 µs", "1 ms", "1.23 ms", "1 s", "59.9 s", "1 min", "3 min 20 s", "1 h", "1 d 1 h", "−5 ms"]);
  assert.equal(duration(NaN), "–");
});

test("amounts are told as shortly as they can be", () => {
  assert.deepEqual([999, 1000, 12_345, 10_485_760].map(size), ["999 B", "1 kB", "12.3 kB", "10.5 MB"]);
  assert.deepEqual([9999, 12_345, 1_234_567].map(shortCount), ["9,999", "12.3k", "1.23M"]);
  assert.deepEqual([0, 0.0123, 1.5, 1234, null, 0.00001].map(cost), ["$0", "$0.0123", "$1.50", "$1,234", "–", "<$0.0001"]);
});

test("moments of a run stand below each other", () => {
  assert.deepEqual([0, 720_161_000, 12_000_000_000].map((ns) => since(ns, 20e9)), ["0.000\u2009000", "0.720\u2009161", "12.000\u2009000"]);
  assert.equal(since(3_727_301e6, 7200e9), "1:02:07.301");
});

test("what can't be seen is told by its number", () => {
  assert.equal(visible("a\u202eb"), "a⟨U+202E⟩b");
  assert.equal(visible("\ud800x"), "⟨U+D800⟩x");
  assert.equal(visible("a\u0000\u001b[31m"), "a⟨U+0000⟩⟨U+001B⟩[31m");
  assert.equal(visible("zero\u200bwidth\ufeff"), "zero⟨U+200B⟩width⟨U+FEFF⟩");
  assert.deepEqual(pieces("x\u2066")[1], { text: "U+2066", odd: true, name: "U+2066 left-to-right isolate" });
});

test("what can be seen stays as it is", () => {
  for (const text of ["", "plain", "tab\tand\nline", "Grüße, 世界", "👩‍👩‍👧 ❤️ 🦜", "שלום"]) assert.equal(visible(text), text);
});

test("a brief text says that it goes on", () => {
  assert.equal(brief("short", 10), "short");
  assert.equal(brief("a  b\n c", 10), "a b c");
  assert.equal(brief("0123456789ab", 10), "012345678…");
  assert.ok(brief("x".repeat(1e6), 10).length === 10);
});

test("marks are at round numbers", () => {
  assert.deepEqual(ticks(0.5e9, 3.2e9, 1e9), [1e9, 2e9, 3e9]);
  assert.equal(stepFor(0.7e9, true), 1e9);
  assert.equal(stepFor(25e9, true), 30e9);
  assert.equal(stepFor(130, false), 200);
  assert.deepEqual([1.5e9, 90e9, 3_725e9, 2.5e6, 0].map((ns) => tickLabel(ns, 5e8)), ["1.5 s", "90.0 s", "3725.0 s", "3 ms", "0"]);
  assert.deepEqual([90e9, 3_725e9].map((ns) => tickLabel(ns, 5e9)), ["1:30", "1:02:05"]);
});

test("JSON is taken apart and loses nothing", () => {
  const text = '{"a": [1, -2.5e3, "x\\"y"], "b": {"c": null, "d": true}, "e": "a:b"}';
  const tokens = jsonTokens(text);

  assert.equal(tokens.map((each) => each.text).join(""), text);
  assert.deepEqual(tokens.filter((each) => each.sort === "key").map((each) => each.text), ['"a"', '"b"', '"c"', '"d"', '"e"']);
  assert.deepEqual(tokens.filter((each) => each.sort === "number").map((each) => each.text), ["1", "-2.5e3"]);
  const broken = 'half of "a tex';
  assert.equal(jsonTokens(broken).map((each) => each.text).join(""), broken);
});
