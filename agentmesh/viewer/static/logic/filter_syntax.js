/**
 * The filter language: from text to terms. No DOM.
 *
 *     agent:Writer/* kind:ask|tell duration>2s -type:Ping failed "out of stock" $.price > 100
 *
 * Terms are all to hold; `-` before one says that it is not to. A value may have alternatives,
 * `a|b`, and `*` for anything. A bare word is looked for in names and payloads. What begins with
 * `$` is a JSON path about the payload and goes to the end of the line, or to ` ; `.
 */

/**
 * @typedef {object} Term
 * @property {"name" | "number" | "state" | "text" | "path"} sort
 * @property {string} field
 * @property {string} op `:`, `>`, `>=`, `<`, `<=` or `=`
 * @property {string[]} values Alternatives, as typed.
 * @property {number} number In base units: nanoseconds, dollars, bytes, tokens.
 * @property {boolean} not
 */

/** @typedef {{ from: number, to: number, message: string }} Mistake */

/** Fields that hold names, and what the words for them are. */
export const NAME_FIELDS = ["agent", "from", "to", "type", "handler", "kind", "name", "model"];
export const NUMBER_FIELDS = ["duration", "wait", "cost", "tokens", "bytes", "at", "turn"];
export const STATES = ["failed", "open", "done", "expired", "cancelled", "dead"];

/** @type {Record<string, string>} */
const ALSO = {
  agents: "agent", src: "from", sender: "from", dst: "to", receiver: "to", effect: "name", tool: "name",
  took: "duration", time: "at", size: "bytes", token: "tokens", price: "cost", call: "handler",
};

/** @type {Record<string, Record<string, number>>} */
const UNITS = {
  duration: { ns: 1, us: 1e3, "µs": 1e3, ms: 1e6, s: 1e9, "": 1e9, m: 60e9, min: 60e9, h: 3600e9 },
  bytes: { b: 1, "": 1, kb: 1e3, mb: 1e6, gb: 1e9 },
  count: { "": 1, k: 1e3, m: 1e6 },
  cost: { "": 1, $: 1, usd: 1 },
};
UNITS.wait = UNITS.at = UNITS.duration;
UNITS.tokens = UNITS.turn = UNITS.count;

const TOKEN = /(-?)(?:([A-Za-z]+)\s*(>=|<=|:|>|<|=)\s*)?("(?:[^"\\]|\\.)*"?|[^\s"]+)/y;

/**
 * @param {string} text
 * @returns {{ terms: Term[], mistakes: Mistake[] }} what could be read, and what could not
 */
export function parseFilter(text) {
  /** @type {Term[]} */
  const terms = [];
  /** @type {Mistake[]} */
  const mistakes = [];
  let at = 0;
  while (at < text.length) {
    if (/\s|;/.test(text[at])) {
      at++;
      continue;
    }
    const path = /-?\$/y;
    path.lastIndex = at;
    if (path.test(text)) {
      const end = text.indexOf(" ; ", at) < 0 ? text.length : text.indexOf(" ; ", at);
      const not = text[at] === "-";
      terms.push(term("path", "$", ":", [text.slice(at + (not ? 1 : 0), end).trim()], 0, not));
      at = end;
      continue;
    }
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (!match) {
      mistakes.push({ from: at, to: text.length, message: "This can't be read." });
      break;
    }
    const read = readTerm(match);
    if (typeof read === "string") mistakes.push({ from: at, to: TOKEN.lastIndex, message: read });
    else terms.push(read);
    at = TOKEN.lastIndex;
  }
  return { terms, mistakes };
}

/**
 * @param {RegExpExecArray} match
 * @returns {Term | string} a string says what is wrong
 */
function readTerm([whole, minus, word, op, value]) {
  const not = minus === "-";
  if (!word) return bare(value, not);
  const field = ALSO[word.toLowerCase()] ?? word.toLowerCase();
  if (field === "text") return term("text", "text", ":", [unquote(value)], 0, not);
  if (field === "is") return state(value, not);
  if (NUMBER_FIELDS.includes(field)) return number(field, op, value, not);
  if (!NAME_FIELDS.includes(field)) {
    if (/^https?$/.test(field) || op !== ":") return bare(whole.slice(minus.length), not);
    return `There is no field ${word}: there are ${[...NAME_FIELDS, ...NUMBER_FIELDS, "text", "is"].join(", ")}.`;
  }
  if (op !== ":" && op !== "=") return `${word} is a name: write ${word}:${value}`;
  return term("name", field, ":", unquote(value).split("|").filter(Boolean), 0, not);
}

/**
 * @param {string} value
 * @param {boolean} not
 */
function bare(value, not) {
  const word = value.toLowerCase();
  if (STATES.includes(word)) return term("state", word, ":", [word], 0, not);
  return term("text", "any", ":", [unquote(value)], 0, not);
}

/**
 * @param {string} value
 * @param {boolean} not
 */
function state(value, not) {
  const word = value.toLowerCase();
  if (!STATES.includes(word)) return `is:${value} is none of ${STATES.join(", ")}.`;
  return term("state", word, ":", [word], 0, not);
}

/**
 * @param {string} field
 * @param {string} op
 * @param {string} value
 * @param {boolean} not
 */
function number(field, op, value, not) {
  const match = /^([\d.,_]+)\s*([A-Za-zµ$]*)$/.exec(value.replace(/^\$/, ""));
  const unit = UNITS[field][(match?.[2] ?? "").toLowerCase()];
  const amount = Number((match?.[1] ?? "").replace(/[,_]/g, ""));
  if (!match || unit === undefined || Number.isNaN(amount)) {
    return `${field} needs a number with a unit (${Object.keys(UNITS[field]).filter(Boolean).join(", ") || "none"}), as in ${EXAMPLES[field]}.`;
  }
  return term("number", field, op === ":" ? "=" : op, [value], amount * unit, not);
}

/** @type {Record<string, string>} */
const EXAMPLES = {
  duration: "duration>2s", wait: "wait>100ms", at: "at>1.5s", bytes: "bytes>10kB", tokens: "tokens>1k",
  cost: "cost>0.01", turn: "turn=3",
};

/**
 * @param {Term["sort"]} sort
 * @param {string} field
 * @param {string} op
 * @param {string[]} values
 * @param {number} amount
 * @param {boolean} not
 * @returns {Term}
 */
function term(sort, field, op, values, amount, not) {
  return { sort, field, op, values, number: amount, not };
}

/** @param {string} value */
function unquote(value) {
  if (!value.startsWith('"')) return value;
  return value.slice(1, value.endsWith('"') && value.length > 1 ? -1 : undefined).replace(/\\(.)/g, "$1");
}

/**
 * Whether a name fits a pattern: part of it, or with `*` all of it. Case does not matter.
 * @param {string} name
 * @param {string} pattern
 */
export function fits(name, pattern) {
  const [low, wanted] = [name.toLowerCase(), pattern.toLowerCase()];
  if (!wanted.includes("*")) return low.includes(wanted);
  const parts = wanted.split("*").map((each) => each.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s").test(low);
}
