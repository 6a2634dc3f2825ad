import assert from "node:assert/strict";
import { test } from "node:test";

import { decode, Table } from "../../../agentmesh/viewer/static/data/columns.js";
import { columnsBody as body } from "./helpers_run.js";

/** @param {Table} table @param {string} name */
function values(table, name) {
  return [...table.column(name).subarray(0, table.rows)];
}

test("columns of several types are read where they lie", () => {
  const { header, columns } = decode(body({ since: 0, rows: 3, total: 3 }, { begin: ["f64", [1.5, NaN, 3]], kind: ["u8", [1, 2, 3]], n: ["u32", [7, 8, 9]] }));

  assert.equal(header.rows, 3);
  assert.deepEqual([...columns.begin], [1.5, NaN, 3]);
  assert.deepEqual([...columns.kind], [1, 2, 3]);
  assert.deepEqual([...columns.n], [7, 8, 9]);
});

test("a table grows page by page, and takes changed rows", () => {
  const table = new Table();
  const take = (/** @type {ArrayBuffer} */ sent) => {
    const { header, columns } = decode(sent);
    table.apply(header, columns);
  };
  take(body({ since: 0, rows: 2, updates: 0, total: 5 }, { updated: ["u32", []], n: ["u32", [1, 2]] }));
  take(body({ since: 2, rows: 3, updates: 1, total: 5 }, { updated: ["u32", [0]], n: ["u32", [10, 3, 4, 5]] }));
  assert.deepEqual(values(table, "n"), [10, 2, 3, 4, 5]);
  take(body({ since: 5, rows: 0, updates: 2, total: 5 }, { updated: ["u32", [1, 4]], n: ["u32", [20, 50]] }));

  assert.deepEqual(values(table, "n"), [10, 20, 3, 4, 50]);
  assert.equal(table.complete, true);
});

test("rows grow by one for long without being copied each time", () => {
  const table = new Table();
  let copies = 0;
  let before = table.columns.n;
  for (let row = 0; row < 500; row++) {
    table.apply({ table: "t", generation: 1, since: row, rows: 1, total: row + 1, next: row + 1, complete: false, columns: [], dictionaries: {} }, { n: Uint32Array.of(row) });
    if (table.columns.n !== before) copies++;
    before = table.columns.n;
  }

  assert.deepEqual(values(table, "n"), Array.from({ length: 500 }, (_, row) => row));
  assert.ok(copies < 25, `${copies} copies`);
});

test("rows that leave a hole are refused", () => {
  const { header, columns } = decode(body({ since: 3, rows: 1, total: 4 }, { n: ["u32", [1]] }));

  assert.throws(() => new Table().apply(header, columns), /Rows from 3 on were sent, and only 0 are here/);
});

test("what is no columns is refused", () => {
  assert.throws(() => decode(new ArrayBuffer(2)), /2 bytes that are no columns/);
  assert.throws(() => decode(Uint8Array.of(255, 255, 0, 0, 1, 2, 3, 4).buffer), /no columns/);
});
