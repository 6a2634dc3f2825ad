/** What somebody chose for the timeline, as the permalink has it. */

const LARGE = 1000;

/**
 * @param {Record<string, string>} params
 * @returns {Record<string, string>}
 */
export function choicesOf(params) {
  const { axis = "", fold = "", colour = "", order = "", path = "", lanes = "" } = params;
  return { axis, fold, colour, order, path, lanes };
}

/**
 * @param {Record<string, string>} choices
 * @returns {import("./scene.js").Settings}
 */
export function settingsOf(choices) {
  const colour = /** @type {any} */ (["cost", "tokens", "wait"].includes(choices.colour) ? choices.colour : "kind");
  return {
    logical: choices.axis === "logical", folded: choices.fold === "1", colour, order: choices.order, filter: choices.lanes,
    large: innerHeight >= LARGE,
  };
}
