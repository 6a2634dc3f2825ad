/**
 * What a view is given: the run, the selection, the way to other places. Views talk to each
 * other through this and the permalink only.
 */

/** @typedef {import("../data/run_data.js").RunData} RunData */
/** @typedef {import("../data/api.js").Api} Api */
/** @typedef {import("./keys.js").Binding} Binding */

/**
 * What is shared between views and the shell; see `store.js`.
 * @typedef {object} Shared
 * @property {number} selected The selected event's number in the run order; -1 for none.
 * @property {number} hovered The event under the pointer; -1 for none.
 * @property {number} version Grows when a live run has more events.
 * @property {"light" | "dark"} theme
 */

/**
 * @typedef {object} Context
 * @property {RunData} run The run as far as it is known; live runs grow in place.
 * @property {Api} api
 * @property {import("./store.js").Store<Shared>} store
 * @property {boolean} control Whether the viewer may change things (`--control`).
 * @property {() => number} selected The selected event's number; -1 for none.
 * @property {(event: number, view?: string) => void} select
 *   Select an event (-1 for none), and go to another view if one is named.
 * @property {() => Record<string, string>} params The permalink's parameters, but for `event`.
 * @property {(params: Record<string, string>, push?: boolean) => void} setParams
 *   Merge into the permalink's parameters; an empty string takes one away. With `push`, the
 *   browser's Back comes back to before it.
 * @property {(view: string, params?: Record<string, string>) => void} open
 *   Go to another view of this run; the selected event stays.
 * @property {(run: string | null, view?: string, params?: Record<string, string>) => void} openRun
 *   Go to another run (`event` in `params` selects one), or with null to the list.
 * @property {(bindings: Binding[]) => () => void} bindKeys
 *   Bind keys; they are let go of with the view.
 * @property {(text: string) => void} announce Tell a screen reader.
 * @property {(event: number, text?: string) => HTMLAnchorElement} eventLink
 *   A link that selects an event, with its reference as text.
 */

export {};
