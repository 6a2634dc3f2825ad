/** The event panel: everything that is known of the selected event. */

import { fill, stateMessage } from "../../shell/dom.js";

/**
 * @param {HTMLElement} root
 * @param {import("../../shell/context.js").Context} context
 * @returns {import("../../shell/views.js").Mounted}
 */
export function mountPanel(root, context) {
  const show = () =>
    fill(root, stateMessage(context.run.reference(context.selected()) || "No event selected"));
  show();
  return { update: (change) => change.selection && show() };
}
