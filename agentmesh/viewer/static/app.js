/**
 * The viewer: reads the permalink, loads the run it names, and mounts the view it names.
 *
 * All state that a link should keep is in the link; the rest (theme, width of the panel) is in
 * the browser. Going somewhere is changing the link, and everything else follows from that.
 */

import { Api } from "./data/api.js";
import { loadRun } from "./data/loading.js";
import { announce, startAnnouncing } from "./shell/announce.js";
import { openHelp } from "./shell/dialog.js";
import { button, fill, h, stateMessage, told } from "./shell/dom.js";
import { Frame, viewHasPanel } from "./shell/frame.js";
import { openGoto } from "./shell/goto.js";
import { runFacts } from "./shell/facts.js";
import { Keys } from "./shell/keys.js";
import { formatRoute, parseRoute, RUNS } from "./shell/router.js";
import { Store } from "./shell/store.js";
import { shownTheme, startTheme } from "./shell/theme.js";
import { viewNamed, VIEWS } from "./shell/views.js";
import { mountPanel } from "./views/panel/panel.js";

/** @typedef {import("./shell/router.js").Route} Route */
/** @typedef {import("./shell/context.js").Context} Context */
/** @typedef {import("./shell/views.js").Mounted} Mounted */
/** @typedef {import("./data/run_data.js").RunData} RunData */

class App {
  constructor() {
    this.api = new Api();
    this.keys = new Keys();
    /** @type {Store<import("./shell/context.js").Shared>} */
    this.store = new Store({ selected: -1, hovered: -1, version: 0, theme: shownTheme() });
    this.frame = new Frame({
      onHelp: () => openHelp(this.keys.bindings),
      onGoto: () => this.goto(),
      onTheme: () => this.store.set({ theme: shownTheme() }),
      onPanel: () => this.togglePanel(),
    });
    /** @type {Route} */
    this.route = { run: null, view: "", params: {} };
    /** @type {RunData | null} */
    this.run = null;
    /** @type {Mounted | null} */
    this.mounted = null;
    /** @type {ReturnType<typeof mountPanel> | null} */
    this.panel = null;
    this.unbindPanel = () => {};
    /** @type {(() => void)[]} */
    this.unbind = [];
    this.visits = 0;
    /** The run that is being read, or was. @type {Promise<RunData | null>} */
    this.loading = Promise.resolve(null);
    /** Which view of which run is mounted, or is about to be; "" for none. */
    this.mountedAt = "";
    this.panelShown = true;
  }

  start() {
    this.frame.mount(/** @type {HTMLElement} */ (document.getElementById("app")));
    startAnnouncing();
    startTheme(() => this.store.set({ theme: shownTheme() }));
    addEventListener("hashchange", () => void this.follow());
    addEventListener("keydown", (event) => void this.keys.handle(event));
    this.store.subscribe(["theme"], () => this.change({ theme: true }));
    this.store.subscribe(["version"], () => {
      this.tellRun();
      this.selectNamed();
      this.change({ run: true });
    });
    this.store.subscribe(["selected"], () => this.change({ selection: true }));
    this.bindKeys();
    void this.begin();
  }

  /** Learn what the server lets this page do, and go to the run it was started with. */
  async begin() {
    try {
      const { run } = await this.api.loadConfig();
      if (run && !location.hash) history.replaceState(null, "", `#/run/${encodeURIComponent(run)}`);
    } catch (error) {
      this.showFailure("The viewer can't start", error);
      return;
    }
    await this.follow();
  }

  /** @param {import("./shell/views.js").Change} change */
  change(change) {
    this.mounted?.update?.(change);
    this.panel?.update?.(change);
  }

  /**
   * Go where the permalink says. Later visits overtake earlier ones: whoever finds that it is not
   * the latest any more leaves everything to that.
   */
  async follow() {
    const route = parseRoute(location.hash);
    const visit = ++this.visits;
    const anotherRun = this.route.run !== route.run || this.route.view === "";
    this.route = route;
    if (placeOf(route) !== this.mountedAt) this.leave();
    if (anotherRun) this.enter(route);
    try {
      const run = await this.loading;
      if (visit !== this.visits) return;
      this.run = run;
    } catch (error) {
      if (visit === this.visits) this.showFailure("The run can't be opened", error);
      return;
    }
    this.frame.show(route, this.withPanel());
    this.tellRun();
    this.selectNamed();
    if (this.mountedAt === placeOf(route)) this.change({ params: true });
    else await this.mount(visit);
  }

  /** Let go of the view. */
  leave() {
    this.mounted?.destroy?.();
    this.mounted = null;
    this.mountedAt = "";
    for (const each of this.unbind.splice(0)) each();
  }

  /**
   * Let go of the run, and begin to read the one that the permalink names.
   * @param {Route} route
   */
  enter(route) {
    this.panel?.destroy?.();
    this.panel = null;
    this.unbindPanel();
    void this.loading.then((run) => run?.close(), () => {});
    this.run = null;
    this.store.set({ selected: -1, hovered: -1 });
    this.frame.tell([], []);
    this.frame.show(route, false);
    fill(this.frame.notices);
    document.title = route.run === null ? "Runs · agentmesh" : `${route.run} · agentmesh`;
    this.loading = Promise.resolve(null);
    if (route.run === null) return;
    fill(this.frame.view, stateMessage("Opening the run", "", { kind: "busy" }));
    this.loading = loadRun(this.api, route.run, () => this.grown());
    // The view's modules come meanwhile; if they can't, mounting it will say so.
    void viewNamed(route.view)?.load().catch(() => {});
  }

  /** A live run has more events, or another status. */
  grown() {
    this.store.set({ version: this.store.get("version") + 1 });
  }

  tellRun() {
    if (this.run) this.frame.tell(...runFacts(this.run, this.frame.notices));
  }

  /**
   * Mount the view that the permalink names, in an element of its own: a view that comes late
   * fills nobody else's.
   * @param {number} visit
   */
  async mount(visit) {
    const { view } = this.route;
    this.leave();
    this.mountedAt = placeOf(this.route);
    const root = h("div", { class: `view view-${this.run === null ? RUNS : view}` });
    fill(this.frame.view, root);
    try {
      const entry = viewNamed(view);
      if (this.run !== null && !entry) throw new Error(`There is no view called ${view}.`);
      const module = await (this.run === null || !entry ? import("./views/runs/runs.js") : entry.load());
      if (visit !== this.visits && this.mountedAt !== placeOf(this.route)) return;
      const mounted = await module.view.mount(root, this.context());
      if (root.isConnected) this.mounted = mounted;
      else mounted.destroy?.();
    } catch (error) {
      if (root.isConnected) this.showFailure("This view can't be shown", error);
      return;
    }
    this.showPanel();
  }

  showPanel() {
    const withPanel = this.withPanel();
    this.frame.show(this.route, withPanel);
    if (!withPanel || this.panel) return;
    this.panel = mountPanel(this.frame.panel, this.context());
    this.unbindPanel = this.keys.bind(this.panel.keys);
  }

  withPanel() {
    return this.run !== null && this.panelShown && viewHasPanel(this.route.view);
  }

  togglePanel() {
    this.panelShown = !this.panelShown;
    this.showPanel();
  }

  /**
   * @param {string} title
   * @param {unknown} error
   */
  showFailure(title, error) {
    const text = error instanceof Error ? error.message : String(error);
    const actions = [
      button("Try again", () => location.reload(), { class: "primary" }),
      button("All runs", () => this.openRun(null)),
    ];
    this.leave();
    fill(this.frame.view, stateMessage(title, text, { kind: "failed", actions }));
  }

  /** @returns {Context} */
  context() {
    const run = /** @type {RunData} */ (this.run);
    return {
      run,
      api: this.api,
      store: this.store,
      control: this.api.control,
      selected: () => this.store.get("selected"),
      select: (event, view) => this.select(event, view),
      params: () => this.route.params,
      setParams: (params, push) => this.setParams(params, push),
      open: (view, params) =>
        this.go({ run: run.id, view, params: { event: this.route.params.event ?? "", ...params } }),
      openRun: (id, view, params) => this.openRun(id, view, params),
      bindKeys: (bindings) => {
        const unbind = this.keys.bind(bindings);
        this.unbind.push(unbind);
        return unbind;
      },
      announce,
      eventLink: (event, text) => this.eventLink(event, text),
    };
  }

  /**
   * @param {number} event
   * @param {string} [text]
   */
  eventLink(event, text) {
    const reference = this.run?.reference(event) ?? "";
    const href = formatRoute({ ...this.route, params: { ...this.route.params, event: reference } });
    return h("a", { href, class: "event-link mono" }, told(text ?? reference));
  }

  /** Take the selection from the permalink. */
  selectNamed() {
    const named = this.route.params.event;
    const number = this.run && named ? this.run.find(named) : -1;
    if (named && number < 0 && this.run) announce(`This run has no event ${named}.`);
    this.store.set({ selected: number });
  }

  /**
   * @param {number} event
   * @param {string} [view]
   */
  select(event, view) {
    const reference = event >= 0 ? this.run?.reference(event) ?? "" : "";
    if (view && view !== this.route.view) {
      this.go({ run: this.route.run, view, params: { event: reference } });
    } else {
      this.setParams({ event: reference });
    }
  }

  /**
   * @param {Record<string, string>} params
   * @param {boolean} [push]
   */
  setParams(params, push = false) {
    const merged = { ...this.route.params, ...params };
    for (const [key, value] of Object.entries(merged)) if (value === "") delete merged[key];
    const route = { ...this.route, params: merged };
    const hash = formatRoute(route);
    if (hash === formatRoute(this.route)) return;
    if (push) {
      location.hash = hash;
      return;
    }
    history.replaceState(null, "", hash);
    void this.follow();
  }

  /** @param {Route} route */
  go(route) {
    location.hash = formatRoute(route);
  }

  /**
   * @param {string | null} id
   * @param {string} [view]
   * @param {Record<string, string>} [params]
   */
  openRun(id, view = "timeline", params = {}) {
    this.go(id === null ? { run: null, view: RUNS, params } : { run: id, view, params });
  }

  goto() {
    openGoto(this.run, {
      select: (event) => this.select(event),
      open: (view) => this.go({ run: this.route.run, view, params: { event: this.route.params.event ?? "" } }),
      openRun: (id) => this.openRun(id),
    });
  }

  bindKeys() {
    this.keys.bind([
      { keys: "?", label: "All keys", run: () => openHelp(this.keys.bindings) },
      { keys: "mod+k, /", label: "Go to an event, an agent or a view", run: () => this.goto() },
      { keys: "p", label: "Show or hide the event panel", run: () => this.togglePanel() },
      { keys: "g r", label: "Runs", group: "Go to", run: () => this.openRun(null) },
      ...VIEWS.map((each) => ({
        keys: `g ${each.key}`,
        label: each.title,
        group: "Go to",
        run: () => {
          if (this.run) this.context().open(each.id);
        },
      })),
    ]);
  }
}

/** @param {Route} route @returns {string} what tells one mounted view from another */
function placeOf(route) {
  return JSON.stringify([route.run, route.view]);
}

new App().start();
