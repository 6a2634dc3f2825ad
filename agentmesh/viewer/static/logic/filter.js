/**
 * Filtering rows: terms become tests of numbers, which run over typed arrays. No DOM.
 *
 * Names are codes of dictionaries or numbers of agents: a pattern is compared with each name once,
 * and rows then look up their code. What only the server knows (text and JSON paths of payloads)
 * is given as the events that it has found.
 */

import { EFFECT_KINDS, LEVELS, MESSAGE_KINDS } from "../data/run_data.js";
import { fits } from "./filter_syntax.js";
import { EFFECT, eventOf, LOG, MESSAGE, TABLE_OF, valueOf } from "./rows.js";

/** @typedef {import("../data/run_data.js").RunData} RunData */
/** @typedef {import("./filter_syntax.js").Term} Term */
/** @typedef {(row: number) => boolean} Test */

/**
 * What the server has found for a term: marks by number of the event, one bit for each table.
 * @typedef {Uint8Array} Hits
 */

/**
 * @param {RunData} run
 * @param {import("./rows.js").Rows} rows
 * @param {Term[]} terms
 * @param {(term: Term) => Hits | null} hits null while nothing is known
 * @returns {Uint32Array} places in `rows` of those that all terms hold for
 */
export function filterRows(run, rows, terms, hits) {
  const tests = TABLE_OF.map((_, table) => terms.map((term) => testFor(run, table, term, hits(term))));
  const found = new Uint32Array(rows.count);
  let count = 0;
  next: for (let at = 0; at < rows.count; at++) {
    const row = rows.row[at];
    for (const test of tests[rows.table[at]]) if (!test(row)) continue next;
    found[count++] = at;
  }
  return found.subarray(0, count);
}

/**
 * @param {RunData} run
 * @param {number} table
 * @param {Term} term
 * @param {Hits | null} hits
 * @returns {Test}
 */
function testFor(run, table, term, hits) {
  const test = positive(run, table, term, hits);
  return term.not ? (row) => !test(row) : test;
}

/**
 * @param {RunData} run
 * @param {number} table
 * @param {Term} term
 * @param {Hits | null} hits
 * @returns {Test}
 */
function positive(run, table, term, hits) {
  if (term.sort === "number") return numberTest(run, table, term);
  if (term.sort === "state") return stateTest(run, table, term.field);
  if (term.sort === "name") return nameTest(run, table, term.field, term.values);
  const found = hitTest(run, table, hits);
  if (term.field !== "any") return found;
  const named = ["agent", "type", "handler", "name", "model", "kind"]
    .map((field) => nameTest(run, table, field, term.values));
  return (row) => named.some((test) => test(row)) || found(row);
}

/**
 * @param {RunData} run
 * @param {number} table
 * @param {Hits | null} hits
 * @returns {Test}
 */
function hitTest(run, table, hits) {
  if (!hits) return never;
  const bit = 1 << table;
  return (row) => {
    const event = eventOf(run, table, row);
    return event >= 0 && (hits[event] & bit) !== 0;
  };
}

/**
 * @param {RunData} run
 * @param {number} table
 * @param {Term} term
 * @returns {Test}
 */
function numberTest(run, table, { field, op, number }) {
  const { columns } = run[TABLE_OF[table]];
  const turn = columns.turn;
  const sort = /** @type {any} */ (field === "at" ? "time" : field);
  /** @type {(row: number) => number} */
  const value = field === "turn" ? (row) => turn[row] : (row) => valueOf(run, sort, table, row);
  if (op === ">") return (row) => value(row) > number;
  if (op === ">=") return (row) => value(row) >= number;
  if (op === "<") return (row) => value(row) < number;
  if (op === "<=") return (row) => value(row) <= number;
  return (row) => value(row) === number;
}

/** By state: outcomes of messages, status of effects. @type {Record<string, [number[], number[]]>} */
const STATE_CODES = {
  failed: [[2, 3], [2]],
  open: [[], [0]],
  done: [[1, 6], [1]],
  expired: [[3], []],
  cancelled: [[4], [3]],
  dead: [[5], []],
};

/**
 * @param {RunData} run
 * @param {number} table
 * @param {string} wanted
 * @returns {Test}
 */
function stateTest(run, table, wanted) {
  const { columns } = run[TABLE_OF[table]];
  if (table === LOG) return wanted === "failed" ? (row) => columns.level[row] >= 3 : never;
  if (table === EFFECT) {
    const codes = marks(4, (code) => STATE_CODES[wanted][1].includes(code));
    return (row) => codes[columns.status[row]] === 1;
  }
  const codes = marks(7, (code) => STATE_CODES[wanted][0].includes(code));
  const { outcome, kind, delivered, turn } = columns;
  if (wanted === "open") {
    return (row) => Number.isNaN(delivered[row]) || (turn[row] > 0 && outcome[row] === 0);
  }
  if (wanted === "failed") return (row) => codes[outcome[row]] === 1 || kind[row] === 3;
  return (row) => codes[outcome[row]] === 1;
}

/**
 * @param {RunData} run
 * @param {number} table
 * @param {string} field
 * @param {string[]} values
 * @returns {Test}
 */
function nameTest(run, table, field, values) {
  const { columns } = run[TABLE_OF[table]];
  if (field === "agent" || field === "from" || field === "to") return agentTest(run, table, field, values);
  if (field === "kind") return kindTest(run, table, values);
  const [dictionary, column] = {
    type: ["types", columns.type], handler: ["handlers", columns.handler],
    name: ["effect_names", columns.name], model: ["models", columns.model],
  }[field] ?? ["", undefined];
  if (!column || typeof dictionary !== "string" || typeof column === "string") return never;
  const words = run.dictionaries[dictionary] ?? [];
  const any = among(words, values);
  const codes = marks(words.length, (code) => words[code] !== "" && any(words[code]));
  return (row) => codes[column[row]] === 1;
}

/**
 * @param {RunData} run
 * @param {number} table
 * @param {string} field
 * @param {string[]} values
 * @returns {Test}
 */
function agentTest(run, table, field, values) {
  const { columns } = run[TABLE_OF[table]];
  const any = among(["outside", ...run.agents.map((each) => each.address)], values);
  const codes = marks(run.agents.length + 1, (code) => any(run.address(code - 1)));
  if (table !== MESSAGE) {
    if (field === "to") return never;
    return (row) => codes[columns.agent[row] + 1] === 1;
  }
  const { src, dst } = columns;
  if (field === "from") return (row) => codes[src[row] + 1] === 1;
  if (field === "to") return (row) => codes[dst[row] + 1] === 1;
  return (row) => codes[src[row] + 1] === 1 || codes[dst[row] + 1] === 1;
}

/**
 * @param {RunData} run
 * @param {number} table
 * @param {string[]} values
 * @returns {Test}
 */
function kindTest(run, table, values) {
  const { columns } = run[TABLE_OF[table]];
  const [group, names, column] =
    table === MESSAGE ? ["message", MESSAGE_KINDS, columns.kind]
    : table === EFFECT ? ["effect", EFFECT_KINDS, columns.kind]
    : ["log", LEVELS, columns.level];
  const any = among([...MESSAGE_KINDS, ...EFFECT_KINDS, ...LEVELS, "message", "log"], values);
  if (any(/** @type {string} */ (group))) return () => true;
  const codes = marks(names.length, (code) => any(/** @type {string[]} */ (names)[code]));
  return (row) => codes[/** @type {any} */ (column)[row]] === 1;
}

/**
 * Whether a name is meant: a value that is all of a name means that one, and not those that have
 * it as a part (`Writer/1` is not `Writer/12`).
 * @param {readonly string[]} names
 * @param {string[]} values
 * @returns {(name: string) => boolean}
 */
function among(names, values) {
  const known = new Set(names.map((each) => each.toLowerCase()));
  const exact = new Set(values.map((each) => each.toLowerCase()).filter((each) => known.has(each)));
  const parts = values.filter((each) => !exact.has(each.toLowerCase()));
  return (name) => exact.has(name.toLowerCase()) || parts.some((value) => fits(name, value));
}

/**
 * @param {number} count
 * @param {(code: number) => boolean} test
 */
function marks(count, test) {
  const found = new Uint8Array(count);
  for (let code = 0; code < count; code++) found[code] = test(code) ? 1 : 0;
  return found;
}

/** @returns {boolean} */
function never() {
  return false;
}
