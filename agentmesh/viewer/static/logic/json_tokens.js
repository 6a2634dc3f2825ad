/** JSON text in pieces that are coloured apart: keys, strings, numbers, words. No DOM. */

/** @typedef {{ text: string, sort: "key" | "string" | "number" | "word" | "plain" }} Token */

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b/g;

/**
 * @param {string} text
 * @returns {Token[]} which together are the text
 */
export function jsonTokens(text) {
  /** @type {Token[]} */
  const found = [];
  let from = 0;
  for (const match of text.matchAll(TOKEN)) {
    const [whole, string, colon, number] = match;
    if (match.index > from) found.push({ text: text.slice(from, match.index), sort: "plain" });
    const sort = string ? (colon ? "key" : "string") : number ? "number" : "word";
    found.push({ text: string ?? whole, sort });
    if (colon) found.push({ text: colon, sort: "plain" });
    from = match.index + whole.length;
  }
  if (from < text.length) found.push({ text: text.slice(from), sort: "plain" });
  return found;
}
