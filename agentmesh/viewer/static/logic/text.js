/**
 * Text that anybody may have written: what can't be seen is made visible. No DOM in here.
 *
 * Model output may have control characters, marks that turn the direction of a line, lone halves
 * of surrogate pairs, and characters that take no room. Each would let a page look like something
 * it is not, so each is told by its number.
 */

/** @typedef {{ text: string, odd: boolean, name?: string }} Piece */

const ODD =
  // eslint-disable-next-line no-control-regex, no-misleading-character-class
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}]|[\ud800-\udfff]/gu;

/** @type {Record<number, string>} */
const NAMES = {
  0x00ad: "soft hyphen",
  0x061c: "Arabic letter mark",
  0x200b: "zero-width space",
  0x200c: "zero-width non-joiner",
  0x200d: "zero-width joiner",
  0x200e: "left-to-right mark",
  0x200f: "right-to-left mark",
  0x202a: "left-to-right embedding",
  0x202b: "right-to-left embedding",
  0x202c: "end of an embedding",
  0x202d: "left-to-right override",
  0x202e: "right-to-left override",
  0x2066: "left-to-right isolate",
  0x2067: "right-to-left isolate",
  0x2068: "first-strong isolate",
  0x2069: "end of an isolate",
  0x001b: "escape",
  0x0000: "null",
  0xfeff: "byte order mark",
};

const EMOJI_PART = /\p{Extended_Pictographic}|\p{Emoji_Modifier}/u;

/**
 * Split text into what is shown as it is and what is shown by its number.
 * @param {string} text
 * @returns {Piece[]} at least one
 */
export function pieces(text) {
  /** @type {Piece[]} */
  const found = [];
  let from = 0;
  for (const match of text.matchAll(ODD)) {
    const at = match.index;
    if (joinsEmoji(text, at, match[0])) continue;
    if (at > from) found.push({ text: text.slice(from, at), odd: false });
    found.push({ text: numberOf(match[0]), odd: true, name: nameOf(match[0]) });
    from = at + match[0].length;
  }
  if (from < text.length || found.length === 0) found.push({ text: text.slice(from), odd: false });
  return found;
}

/**
 * The same as one string, for places where only a string can go: titles, canvas, labels.
 * @param {string} text
 */
export function visible(text) {
  return pieces(text)
    .map((each) => (each.odd ? `⟨${each.text}⟩` : each.text))
    .join("");
}

/**
 * The beginning of a text, for one line; what is left out is said by an ellipsis.
 * @param {string} text
 * @param {number} length in UTF-16 units
 */
export function brief(text, length) {
  const line = text.length > 2 * length ? text.slice(0, 2 * length) : text;
  const flat = visible(line.replace(/\s+/g, " ")).trim();
  if (flat.length <= length && line.length === text.length) return flat;
  const end = flat.codePointAt(length - 2) ?? 0;
  return `${flat.slice(0, end > 0xffff ? length - 2 : length - 1)}…`;
}

/**
 * A joiner or a variation selector beside an emoji is how that is written.
 * @param {string} text
 * @param {number} at
 * @param {string} found
 */
function joinsEmoji(text, at, found) {
  if (found !== "\u200d" && found !== "\ufe0f" && found !== "\ufe0e") return false;
  return EMOJI_PART.test(text.slice(Math.max(0, at - 3), at)) || /[#*0-9©®]$/u.test(text.slice(0, at).slice(-1));
}

/** @param {string} character */
function numberOf(character) {
  const code = character.codePointAt(0) ?? 0;
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** @param {string} character */
function nameOf(character) {
  const code = character.codePointAt(0) ?? 0;
  const kind =
    code >= 0xd800 && code <= 0xdfff ? "half of a surrogate pair"
    : code < 0x20 || (code >= 0x7f && code < 0xa0) ? "control character"
    : "invisible character";
  return `${numberOf(character)} ${NAMES[code] ?? kind}`;
}
