/** A payload: pretty or raw, as much of it as somebody wants to see. */

import { size } from "../../logic/format.js";
import { jsonTokens } from "../../logic/json_tokens.js";
import { button, copyButton, fill, h, told } from "../../shell/dom.js";

/** @typedef {import("../../shell/context.js").Context} Context */
/** @typedef {import("../../data/types.js").Payload} Payload */

/** So many characters are coloured; more would make the page slow, and are shown all the same. */
const COLOURED = 60_000;
const STEP = 512 * 1024;

/** What somebody chose last holds for the next payload. */
let showRaw = false;

/**
 * @param {Context} context
 * @param {string} ref the event
 * @param {Payload} payload
 * @param {string} title
 */
export function payloadView(context, ref, payload, title) {
  const text = h("pre", { class: "code", tabIndex: 0, "aria-label": title });
  const foot = h("div", { class: "payload-foot" });
  let raw = payload.text;
  let offset = new TextEncoder().encode(payload.text).length;
  const canPretty = payload.pretty !== null;
  const choices = canPretty
    ? ["Pretty", "Raw"].map((name, at) => button(name, () => ((showRaw = at === 1), show()), { class: "small" }))
    : [];
  const show = () => {
    const isRaw = showRaw || !canPretty;
    choices.forEach((each, at) => each.setAttribute("aria-pressed", String((at === 1) === isRaw)));
    fill(text, isRaw ? told(raw) : coloured(payload.pretty ?? ""));
    const left = payload.bytes - offset;
    fill(foot, left > 0 && [
      h("span", { class: "muted" }, `… ${size(left)} more`),
      button(`Show ${size(Math.min(left, STEP))} more`, () => void more(), { class: "small" }),
    ]);
  };
  const more = async () => {
    fill(foot, h("span", { class: "muted", role: "status" }, "Reading …"));
    try {
      const asked = { ref, part: payload.part, offset, length: STEP };
      const { bytes } = await context.api.bytes(context.run.id, "payload", asked);
      raw += new TextDecoder().decode(bytes);
      offset += bytes.byteLength;
      if (bytes.byteLength === 0) offset = payload.bytes;
      showRaw = true;
      show();
    } catch (error) {
      fill(foot, h("span", { class: "bad-text", role: "alert" }, told(String(/** @type {any} */ (error).message))));
    }
  };
  show();
  return h(
    "section",
    { class: "part" },
    h("header", null, h("h3", null, title), h("span", { class: "faint" }, size(payload.bytes)), h("span", { class: "spacer" }),
      choices.length > 0 && h("div", { class: "segments" }, choices),
      copyButton(() => (showRaw || !canPretty ? raw : (payload.pretty ?? raw)), `Copy ${title.toLowerCase()}`)),
    text, foot,
  );
}

/**
 * JSON text with its parts apart.
 * @param {string} text
 */
export function coloured(text) {
  if (text.length > COLOURED) return told(text);
  return jsonTokens(text).map(({ text: part, sort }) =>
    sort === "plain" ? told(part) : h("span", { class: `j-${sort}` }, told(part)));
}
