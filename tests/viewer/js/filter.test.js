import assert from "node:assert/strict";
import { test } from "node:test";

import { filterRows } from "../../../agentmesh/viewer/static/logic/filter.js";
import { fits, parseFilter } from "../../../agentmesh/viewer/static/logic/filter_syntax.js";
import { EFFECT, eventOf, LOG, makeRows, MESSAGE, sortPlaces, TABLE_OF, valueOf } from "../../../agentmesh/viewer/static/logic/rows.js";
import { listRuns, runFits } from "../../../agentmesh/viewer/static/logic/runs_list.js";
import { ranges } from "../../../agentmesh/viewer/static/views/table/previews.js";
import { tableRun } from "./helpers_run.js";

/** @param {string} text */
function terms(text) {
  const { terms: found, mistakes } = parseFilter(text);
  assert.deepEqual(mistakes, [], text);
  return found;
}

test("a filter is read term by term", () => {
  const found = terms('agent:Writer/*|Critic kind:ask duration>2s wait>=100ms -type:Ping cost<0.01 tokens>1.5k failed "out of stock" text:lamp');
  assert.deepEqual(
    found.map((each) => [each.not ? "-" : "", each.field, each.op, each.sort === "number" ? each.number : each.values.join("|")].join(" ").trim()),
    ["agent : Writer/*|Critic", "kind : ask", "duration > 2000000000", "wait >= 100000000", "- type : Ping", "cost < 0.01",
      "tokens > 1500", "failed : failed", "any : out of stock", "text : lamp"],
  );
});

test("a JSON path goes to the end of the line, or to a semicolon", () => {
  assert.deepEqual(terms('$.items[*].price > 100').map((each) => each.values[0]), ["$.items[*].price > 100"]);
  assert.deepEqual(terms('$.a == "x y" ; failed').map((each) => each.values[0]), ['$.a == "x y"', "failed"]);
  assert.equal(terms("-$.a == 1")[0].not, true);
});

test("units are those of the field", () => {
  assert.deepEqual(["duration>2", "duration>5m", "bytes>10kB", "at<1.5h", "cost>$2", "tokens>1_000"].map((text) => terms(text)[0].number),
    [2e9, 300e9, 10_000, 5400e9, 2, 1000]);
});

test("what can't be read is told where it is, and the rest still counts", () => {
  const { terms: found, mistakes } = parseFilter("failed duration>soon colour:red agent>3 is:odd");
  assert.deepEqual(found.map((each) => each.field), ["failed"]);
  assert.deepEqual(mistakes.map(({ from, to }) => [from, to]), [[7, 20], [21, 31], [32, 39], [40, 46]]);
  assert.match(mistakes[0].message, /duration needs a number with a unit .* as in duration>2s/);
  assert.match(mistakes[1].message, /There is no field colour: there are agent, from/);
});

test("anything at all can be typed", () => {
  for (const text of ['"', '"open', "-", ":", ">", "a:", "$", "http://x/y", "\\", "()", 'x"y', "🦜", "a|b", "-\"", "a>b"]) parseFilter(text);
  assert.equal(terms("http://x/y")[0].values[0], "http://x/y");
});

test("names fit in part, or whole with stars", () => {
  assert.ok(fits("Writer/w1", "writer") && fits("Writer/w1", "Writer/*") && fits("a.b", "a.b"));
  assert.ok(!fits("Writer/w1", "riter*") && !fits("axb", "a.b"));
});

const RUN = tableRun();
const ROWS = makeRows(RUN);
/** Rows that a filter leaves, by what they are. @param {string} text @param {(term: any) => any} [hits] */
function left(text, hits = () => null) {
  return [...filterRows(RUN, ROWS, terms(text), hits)].map((place) => `${"mel"[ROWS.table[place]]}${ROWS.row[place]}`);
}

test("rows of three tables stand in the order of time", () => {
  assert.deepEqual(left(""), ["m0", "e0", "m1", "l0", "e1", "m2"]);
  assert.deepEqual(left("").map((_, at) => TABLE_OF[ROWS.table[at]]).filter((each) => each === "logs"), ["logs"]);
});

test("terms are about agents, kinds, names, amounts and states", () => {
  assert.deepEqual(left("agent:Stock"), ["m0", "m1", "l0", "e1", "m2"]);
  assert.deepEqual(left("from:Stock"), ["m1", "l0", "e1"]);
  assert.deepEqual(left("from:stock/main|nobody"), ["m1", "l0", "e1"]);
  assert.deepEqual(left("to:Stock kind:ask"), ["m0"]);
  assert.deepEqual(left("kind:message"), ["m0", "m1", "m2"]);
  assert.deepEqual(left("kind:model|info"), ["e0", "l0"]);
  assert.deepEqual(left("-kind:message -kind:effect"), ["l0"]);
  assert.deepEqual(left("handler:reserve"), ["m0"]);
  assert.deepEqual(left("model:sim*"), ["e0"]);
  assert.deepEqual(left("duration>=1s"), ["m0", "e0"]);
  assert.deepEqual(left("bytes<100"), ["m1", "m2"]);
  assert.deepEqual(left("tokens>10"), ["e0"]);
  assert.deepEqual(left("at>3s"), ["l0", "e1", "m2"]);
  assert.deepEqual(left("failed"), ["e1"]);
  assert.deepEqual(left("open"), ["m2"]);
  assert.deepEqual(left("done"), ["m0", "e0"]);
});

test("all of a name means that one only", () => {
  const [first, second] = RUN.agents;
  [first.address, second.address] = ["Clerk/7", "Clerk/70"];
  assert.deepEqual(left("from:Clerk/7"), ["m0", "e0", "m2"]);
  assert.deepEqual(left("from:Clerk/7*").length, 6);
  assert.deepEqual(left("from:erk/7").length, 6);
  [first.address, second.address] = ["main/root", "Stock/main"];
});

test("a bare word is looked for in names, and in what the server finds", () => {
  assert.deepEqual(left("reserve"), ["m0"]);
  const hits = new Uint8Array(RUN.count);
  hits[eventOf(RUN, EFFECT, 0)] = 1 << EFFECT;
  hits[eventOf(RUN, LOG, 0)] = 1 << LOG;
  assert.deepEqual(left("lamp", () => hits), ["e0", "l0"]);
  assert.deepEqual(left("reserve", () => hits), ["m0", "e0", "l0"]);
  assert.deepEqual(left("-text:lamp", () => hits), ["m0", "m1", "e1", "m2"]);
});

test("rows are sorted by amounts, equal ones as they were, nothing last", () => {
  const amounts = [3, NaN, 0.001, 3, 1e12, 0];
  const places = Uint32Array.from(amounts, (_, at) => at);
  const sorted = (/** @type {boolean} */ down) => [...sortPlaces(places, (at) => amounts[at], down)];

  assert.deepEqual(sorted(false), [5, 2, 0, 3, 4, 1]);
  assert.deepEqual(sorted(true), [4, 0, 3, 2, 5, 1]);
  assert.equal(valueOf(RUN, "bytes", MESSAGE, 0), 214);
});

test("many rows are sorted as a comparison would", () => {
  const amounts = Float64Array.from({ length: 50_000 }, (_, at) => (at * 7919) % 10_007);
  const places = Uint32Array.from(amounts, (_, at) => at);
  const sorted = sortPlaces(places, (at) => amounts[at], true);
  for (let at = 1; at < sorted.length; at++) assert.ok(amounts[sorted[at]] <= amounts[sorted[at - 1]]);
});

test("rows are asked for in ranges", () => {
  assert.equal(ranges([0, 1, 2, 7, 9, 10]), "0-2,7,9-10");
});

/** @param {string} id @param {Record<string, any>} [more] */
function aRun(id, more = {}) {
  return /** @type {any} */ ({ id, status: "done", workflow: "main", program: "app.py", started_ms: 0, duration_ns: 1, driver: "local",
    parent: "", fork_event: "", edits: [], error: null, result: null, growing: false, can_resume: false, figures: null, ...more });
}

test("forks stand below their parents, however they sort", () => {
  const runs = [aRun("a", { started_ms: 1 }), aRun("b", { started_ms: 2 }), aRun("a1", { parent: "a", started_ms: 9 }), aRun("a11", { parent: "a1", started_ms: 3 }), aRun("lost", { parent: "gone" })];
  const wish = { query: "", sort: /** @type {const} */ ("started"), down: true, folded: new Set() };
  const shown = listRuns(runs, wish).map((each) => `${" ".repeat(each.depth)}${each.run.id}`);

  assert.deepEqual(shown, ["b", "a", " a1", "  a11", "lost"]);
  assert.deepEqual(listRuns(runs, { ...wish, query: "a11" }).map((each) => each.run.id), ["a", "a1", "a11"]);
  assert.deepEqual(listRuns(runs, { ...wish, folded: new Set(["a"]) }).map((each) => each.run.id), ["b", "a", "lost"]);
});

test("runs that name each other as parents are no endless tree", () => {
  const runs = [aRun("a", { parent: "b" }), aRun("b", { parent: "a" }), aRun("c", { parent: "c" })];
  assert.deepEqual(listRuns(runs, { query: "", sort: "started", down: true, folded: new Set() }).map((each) => each.run.id), ["c"]);
});

test("runs are found by words and by fields", () => {
  const run = aRun("20261124-1", { status: "failed", error: { type: "ValueError", what: "no lamp" } });
  for (const query of ["", "lamp", "status:failed", "status:done|failed", "1124 main", "-status:done"]) assert.ok(runFits(run, query), query);
  for (const query of ["status:done", "sofa", "-lamp", "workflow:other"]) assert.ok(!runFits(run, query), query);
});
