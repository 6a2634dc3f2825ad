/** A place. */

import { fill, stateMessage } from "../shell/dom.js";

/** @type {import("../shell/views.js").View} */
export const view = {
  mount(root, context) {
    fill(root, stateMessage("Reading", String(context.run.count)));
    return {};
  },
};
