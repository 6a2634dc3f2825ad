/** The frame around the views: header, tabs, the place for a view and for the event panel. */

import { append, button, copyButton, fill, h, icon, told } from "./dom.js";
import { formatRoute } from "./router.js";
import { makeSplitter } from "./splitter.js";
import { chosenTheme, nextTheme } from "./theme.js";
import { VIEWS } from "./views.js";

/** @typedef {import("./router.js").Route} Route */

/** @type {Record<string, "sun" | "moon" | "system">} */
const THEME_ICONS = { light: "sun", dark: "moon", system: "system" };

export class Frame {
  /** @param {{ onHelp: () => void, onGoto: () => void, onTheme: () => void, onPanel: () => void }} asks */
  constructor(asks) {
    this._title = h("div", { class: "run-title" });
    this._facts = h("div", { class: "facts" });
    // Made once and changed in place: who walks them by keyboard keeps the focus.
    this._links = VIEWS.map((each) => h("a", { title: `g ${each.key}` }, each.title));
    this._toggle = button(icon("panel"), asks.onPanel, { class: "icon small plain panel-toggle" });
    this._tabs = h("nav", { class: "tabs", "aria-label": "Views", hidden: true },
      this._links, h("div", { class: "spacer" }), this._toggle);
    this.notices = h("div", { class: "notices" });
    this.view = h("main", { class: "view-place", id: "main", tabIndex: -1 });
    this.panel = h("div", { class: "panel" });
    this._aside = h("aside", { class: "panel-place", "aria-label": "Selected event" },
      makeSplitter(this.view, this.panel), this.panel);
    this.workspace = h("div", { class: "workspace" }, this.view);
    const theme = button(icon(THEME_ICONS[chosenTheme()] ?? "system"), () => {
      const next = nextTheme();
      fill(theme, icon(THEME_ICONS[next] ?? "system"));
      theme.title = `Colours: ${next}`;
      theme.setAttribute("aria-label", theme.title);
      asks.onTheme();
    }, { class: "icon plain", title: `Colours: ${chosenTheme()}` });
    this._top = h(
      "header",
      { class: "topbar" },
      h("a", { class: "brand", href: "#/" }, h("img", { src: "/static/icon.svg", alt: "" }), "agentmesh"),
      this._title,
      this._facts,
      h("div", { class: "spacer" }),
      button([icon("search"), "Go to", h("kbd", { "aria-hidden": "true" }, "K")], asks.onGoto, {
        class: "plain", title: "Go to an event, an agent or a view (Ctrl K)",
      }),
      theme,
      button(icon("help"), asks.onHelp, { class: "icon plain", title: "Keyboard (?)" }),
    );
  }

  /** @param {HTMLElement} root */
  mount(root) {
    const below = h("div", { class: "below" }, this._tabs, this.notices);
    append(root, [this._top, below, this.workspace]);
  }

  /**
   * Show which run and view it is; the list of runs has neither tabs nor panel.
   * @param {Route} route
   * @param {boolean} withPanel
   */
  show(route, withPanel) {
    this._tabs.hidden = route.run === null;
    if (route.run === null) this.tell([], []);
    else if (!this._title.firstChild) this.tell(runTitle(route.run, null), []);
    const event = route.params.event ?? "";
    VIEWS.forEach((each, at) => {
      const here = each.id === route.view;
      const params = here ? route.params : { event };
      this._links[at].href = formatRoute({ run: route.run, view: each.id, params });
      if (here) this._links[at].setAttribute("aria-current", "page");
      else this._links[at].removeAttribute("aria-current");
    });
    this._toggle.hidden = !viewHasPanel(route.view);
    this._toggle.title = withPanel ? "Hide the event panel (p)" : "Show the event panel (p)";
    this._toggle.setAttribute("aria-label", this._toggle.title);
    this._toggle.setAttribute("aria-pressed", String(withPanel));
    this.workspace.classList.toggle("with-panel", withPanel);
    if (!withPanel) this._aside.remove();
    else if (!this._aside.isConnected) this.workspace.append(this._aside);
  }

  /**
   * Say in the header which run it is, and what is known of it.
   * @param {import("./dom.js").Child[]} title
   * @param {import("./dom.js").Child[]} facts
   */
  tell(title, facts) {
    const before = this._title.textContent;
    const made = h("div", { class: "run-title" }, title);
    // What is the same stays: somebody may be selecting it.
    if (made.textContent !== before) fill(this._title, ...made.childNodes);
    fill(this._facts, facts);
  }
}

/**
 * The name of a run for the header: its id to be copied, and how it is.
 * @param {string} id
 * @param {HTMLElement | null} status
 */
export function runTitle(id, status) {
  return [
    h("span", { class: "crumb", "aria-hidden": "true" }, "/"),
    h("h1", null, h("span", { class: "mono clip" }, told(id)), copyButton(() => id, "Copy the run's id")),
    status,
  ];
}

/** @param {string} id */
export function viewHasPanel(id) {
  return VIEWS.some((each) => each.id === id && each.panel);
}
