/** A small run with messages, effects and log lines, and bodies of columns as a server sends them. */

import { RunData } from "../../../agentmesh/viewer/static/data/run_data.js";

/**
 * @param {RunData} run
 * @param {"events" | "messages" | "effects" | "logs" | "turns"} name
 * @param {Record<string, number[]>} columns
 */
function put(run, name, columns) {
  const rows = Object.values(columns)[0].length;
  const made = Object.fromEntries(Object.entries(columns).map(([key, values]) => [key, Float64Array.from(values)]));
  Object.assign(run[name], { rows, total: rows, columns: made, complete: true });
}

/** Two agents: the first asks the second, calls a model, and sends what never arrives. */
export function tableRun() {
  const agents = ["main/root", "Stock/main"].map((address, index) => ({ address, index }));
  const run = new RunData(/** @type {any} */ ({ id: "r", duration_ns: 6e9, agents }));
  run.dictionaries = {
    handlers: ["", "reserve"], types: ["", "Reservation", "int"], effect_names: ["", "POST /v1", "tool search"],
    models: ["", "sim-small"], texts: [""],
  };
  put(run, "events", {
    agent: [0, 1, 0, 0, 1], step: [0, 0, 1, 2, 1], at: [0, 1e9, 3e9, 3.2e9, 5e9], kind: [0, 1, 2, 1, 3], cause: [-1, 0, 0, 1, 1], turn: [1, 1, 1, 1, 1],
  });
  put(run, "messages", {
    src: [0, 1, 0], src_step: [0, 0, 2], dst: [1, 0, 1], dst_step: [0, 2, -1], kind: [1, 2, 0], type: [1, 2, 1], handler: [1, 0, 0],
    sent: [0, 3e9, 5.5e9], delivered: [1e9, 3.2e9, NaN], begin: [1e9, NaN, NaN], end: [3e9, NaN, NaN], outcome: [1, 0, 0], turn: [1, 0, 0],
    bytes: [214, 4, 8], cost: [0, 0, 0], tokens: [0, 0, 0],
  });
  put(run, "effects", {
    agent: [0, 1], turn: [1, 1], first_step: [0, 0], last_step: [1, 1], begin: [0.5e9, 4.5e9], end: [3e9, 5e9], kind: [5, 1], name: [1, 2],
    model: [1, 0], status: [1, 2], input_tokens: [100, 0], output_tokens: [20, 0], cost: [0.01, 0], request_bytes: [500, 100], result_bytes: [800, 0],
  });
  put(run, "logs", { agent: [1], step: [0], index: [1], at: [3.5e9], turn: [1], level: [1], text: [0] });
  run.version = 1;
  return run;
}

const ARRAYS = { f64: Float64Array, u32: Uint32Array, u8: Uint8Array };

/**
 * What a server would send.
 * @param {Record<string, any>} header
 * @param {Record<string, [keyof ARRAYS, number[]]>} columns
 */
export function columnsBody(header, columns) {
  const blocks = [];
  const described = [];
  let offset = 0;
  for (const [name, [dtype, values]] of Object.entries(columns)) {
    const bytes = new Uint8Array(new ARRAYS[dtype](values).buffer);
    described.push({ name, dtype, offset, length: bytes.length });
    const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8);
    padded.set(bytes);
    blocks.push(padded);
    offset += padded.length;
  }
  let text = JSON.stringify({ table: "t", generation: 1, complete: true, dictionaries: {}, ...header, columns: described });
  text = text.padEnd(Math.ceil((text.length + 4) / 8) * 8 - 4);
  const all = new Uint8Array(4 + text.length + offset);
  new DataView(all.buffer).setUint32(0, text.length, true);
  all.set(new TextEncoder().encode(text), 4);
  let at = 4 + text.length;
  for (const block of blocks) {
    all.set(block, at);
    at += block.length;
  }
  return all.buffer;
}
