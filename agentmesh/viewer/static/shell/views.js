/**
 * The views of a run, in the order of their tabs.
 *
 * A view is a module that exports `view`: an object with `mount(root, context)`, which fills an
 * empty element and returns what the shell calls later. It is loaded when it is first looked at.
 */

/** @typedef {import("./context.js").Context} Context */

/**
 * @typedef {object} Change What is different since the last call; what isn't named is as before.
 * @property {boolean} [run] The run has more events (it is live), in `context.run`.
 * @property {boolean} [selection] Another event is selected.
 * @property {boolean} [params] The permalink's parameters.
 * @property {boolean} [theme] Light or dark: a canvas draws itself again.
 */

/**
 * @typedef {object} Mounted
 * @property {(change: Change) => void} [update]
 * @property {() => void} [destroy] Lets go of listeners, timers, requests.
 */

/**
 * @typedef {object} View
 * @property {(root: HTMLElement, context: Context) => Mounted | Promise<Mounted>} mount
 */

/**
 * @typedef {object} ViewEntry
 * @property {string} id In permalinks.
 * @property {string} title On its tab.
 * @property {string} key Pressed after `g`.
 * @property {boolean} panel Whether the event panel stands beside it.
 * @property {() => Promise<{ view: View }>} load
 */

/** @type {readonly ViewEntry[]} */
export const VIEWS = [
  { id: "timeline", title: "Timeline", key: "t", panel: true, load: () => import("../views/timeline.js") },
  { id: "messages", title: "Events", key: "m", panel: true, load: () => import("../views/messages.js") },
  { id: "travel", title: "Time travel", key: "v", panel: false, load: () => import("../views/travel.js") },
  { id: "sequence", title: "Sequence", key: "s", panel: true, load: () => import("../views/sequence.js") },
  { id: "agents", title: "Agents", key: "a", panel: false, load: () => import("../views/agents.js") },
  { id: "compare", title: "Compare", key: "c", panel: false, load: () => import("../views/compare.js") },
  { id: "whatif", title: "What if", key: "w", panel: true, load: () => import("../views/whatif.js") },
  { id: "findings", title: "Findings", key: "f", panel: true, load: () => import("../views/findings.js") },
];

/**
 * @param {string} id
 * @returns {ViewEntry | undefined}
 */
export function viewNamed(id) {
  return VIEWS.find((each) => each.id === id);
}
