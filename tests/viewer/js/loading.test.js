import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError } from "../../../agentmesh/viewer/static/data/api.js";
import { loadRun } from "../../../agentmesh/viewer/static/data/loading.js";
import { TABLES } from "../../../agentmesh/viewer/static/data/run_data.js";
import { columnsBody } from "./helpers_run.js";

/**
 * A server with one run, which a test can let grow: `n` of each table's rows are numbers.
 * @param {{ rows: number, growing: boolean, page?: number }} state
 */
function serverOf(state) {
  const asked = /** @type {string[]} */ ([]);
  const server = {
    asked,
    generation: 1,
    version: 1,
    base: 0,
    refused: 0,
    ...state,
    /** Lets a long poll end. */
    wake: () => {},
    info: () => ({ id: "r", generation: server.generation, growing: server.growing, agents: [], duration_ns: 1, status: server.growing ? "running" : "done" }),
    api: {
      async ofRun(/** @type {string} */ _run, /** @type {string} */ what) {
        asked.push(what || "info");
        if (what === "") return server.info();
        await new Promise((resolve) => (server.wake = () => resolve(undefined)));
        return { version: server.version, generation: server.generation };
      },
      async bytes(/** @type {string} */ _run, /** @type {string} */ what, /** @type {any} */ { since, generation }, /** @type {any} */ { signal }) {
        await new Promise((resolve) => setImmediate(resolve)); // as answers come, one by one
        if (signal.aborted) server.refused++;
        signal.throwIfAborted();
        asked.push(`${what}@${since}`);
        if (generation !== server.generation) throw new ApiError({ type: "GenerationError" }, 409);
        const rows = Math.min(server.page ?? 1000, server.rows - since);
        const values = Array.from({ length: rows }, (_, at) => server.base + since + at);
        const header = { generation, since, rows, updates: 0, version: server.version, total: server.rows, next: since + rows, complete: true, dictionaries: { types: ["", "A"] } };
        return { bytes: columnsBody(header, { updated: ["u32", []], n: ["u32", values] }), headers: new Headers() };
      },
    },
  };
  return server;
}

/** @param {() => boolean} isSo */
async function until(isSo) {
  const end = Date.now() + 5000;
  while (!isSo()) {
    assert.ok(Date.now() < end, "it never came to be");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** @param {import("../../../agentmesh/viewer/static/data/run_data.js").RunData} run */
function rowsOf(run) {
  return TABLES.map((name) => run[name].rows);
}

test("a run is shown with its first page, and read to its end", async () => {
  const server = serverOf({ rows: 2500, growing: false });
  let told = 0;
  const run = await loadRun(/** @type {any} */ (server.api), "r", () => told++);
  assert.ok(run.turns.rows >= 1000 && run.effects.rows >= 1000 && !run.complete);
  await until(() => run.complete);

  assert.deepEqual(rowsOf(run), [2500, 2500, 2500, 2500, 2500]);
  assert.deepEqual([...run.messages.column("n").subarray(998, 1002)], [998, 999, 1000, 1001]);
  assert.equal(run.word("types", 1), "A");
  assert.ok(told > 3);
  assert.equal(server.asked.filter((each) => each === "live").length, 0);
});

test("a live run grows, and its end is noticed", async () => {
  const server = serverOf({ rows: 10, growing: true });
  const run = await loadRun(/** @type {any} */ (server.api), "r", () => {});
  await until(() => run.complete && server.asked.includes("live"));
  Object.assign(server, { rows: 15, version: 2 });
  server.wake();
  await until(() => run.events.rows === 15);
  await until(() => server.asked.filter((each) => each === "live").length === 2);
  Object.assign(server, { rows: 16, version: 3, growing: false });
  server.wake();
  await until(() => run.complete && run.info.status === "done");

  assert.deepEqual(rowsOf(run), [16, 16, 16, 16, 16]);
  assert.ok(server.asked.includes("columns/turns@10") && server.asked.includes("columns/turns@15"));
});

test("what is shown stays until a record that has changed is read anew", async () => {
  const server = serverOf({ rows: 10, growing: true });
  const seen = /** @type {number[]} */ ([]);
  const run = await loadRun(/** @type {any} */ (server.api), "r", () => seen.push(run.turns.rows));
  await until(() => server.asked.includes("live"));
  seen.length = 0;
  Object.assign(server, { rows: 12, generation: 2, version: 2, base: 100, growing: false });
  server.wake();
  await until(() => run.info.generation === 2 && run.complete);

  assert.ok(seen.every((rows) => rows === 10 || rows === 12), String(seen));
  assert.deepEqual(rowsOf(run), [12, 12, 12, 12, 12]);
  assert.equal(run.turns.column("n")[0], 100);
  assert.equal(run.problem, null);
});

test("a run that was deleted says so, and stays as it was", async () => {
  const server = serverOf({ rows: 10, growing: true });
  const run = await loadRun(/** @type {any} */ (server.api), "r", () => {});
  await until(() => server.asked.includes("live"));
  server.api.ofRun = async () => {
    throw new ApiError({ type: "UnknownRunError", what: "There is no run r." }, 404);
  };
  server.wake();
  await until(() => run.problem !== null);

  assert.match(String(run.problem?.message), /There is no run r/);
  assert.equal(run.turns.rows, 10);
});

test("a run that can't be opened is an error at once", async () => {
  const server = serverOf({ rows: 10, growing: true });
  server.api.ofRun = async () => {
    throw new ApiError({ type: "JournalDamagedError", what: "Damaged.", cause: "A disk.", fix: "Look." }, 422);
  };
  await assert.rejects(loadRun(/** @type {any} */ (server.api), "r", () => {}), /Damaged\.\nA disk\.\nLook\./);
});

test("a run that is closed is not read on", async () => {
  const server = serverOf({ rows: 1_000_000, growing: false, page: 100 });
  const run = await loadRun(/** @type {any} */ (server.api), "r", () => {});
  await until(() => run.events.rows > 500);
  run.close();
  await until(() => server.refused > 0);

  assert.equal(run.complete, false);
  assert.equal(run.problem, null);
});
