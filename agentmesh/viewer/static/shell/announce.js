/** Short news for screen readers: a live region that nobody sees. */

import { h } from "./dom.js";

const region = h("div", { class: "hidden-text", role: "status", "aria-live": "polite" });

/** Put the region into the page; once. */
export function startAnnouncing() {
  document.body.append(region);
}

/**
 * Say something; what was not said yet is dropped.
 * @param {string} text
 */
export function announce(text) {
  region.textContent = text;
}
