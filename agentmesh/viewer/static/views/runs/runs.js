/** The list of runs. */

import { fill, h } from "../../shell/dom.js";

/** @type {import("../../shell/views.js").View} */
export const view = {
  async mount(root, context) {
    const { runs } = await context.api.json("/api/runs");
    fill(root, h("ul", null, runs.map((/** @type {any} */ run) => h("li", null, h("a", { href: `#/run/${run.id}/timeline` }, run.id)))));
    return {};
  },
};
