/** Findings: what was found out about the run and written beside it: races, what to blame, experiments. */

import { fill, h, stateMessage, told } from "../shell/dom.js";
import { isAbort } from "../data/api.js";
import { moment, size } from "../logic/format.js";
import { attributionSection } from "./findings/attribution.js";
import { experimentSection } from "./findings/experiment.js";
import { racesSection } from "./findings/races.js";
import { Tree } from "./tree.js";

/** @typedef {import("../shell/context.js").Context} Context */

/** @type {Record<string, {title: string, show: (context: Context, found: any) => import("../shell/dom.js").Child}>} */
const KINDS = {
  races: { title: "Races", show: racesSection },
  attribution: { title: "What to blame", show: attributionSection },
  experiment: { title: "Experiment", show: (_, found) => experimentSection(found) },
};

/**
 * @param {Context} context
 * @param {any} finding
 */
function section(context, finding) {
  const found = finding.content;
  const kind = found?.kind ?? finding.name;
  const known = KINDS[kind];
  const title = found?.name ? `${known?.title ?? kind}: ${found.name}` : known?.title ?? kind;
  return h(
    "section",
    { class: "finding", "aria-label": title },
    h("header", null, h("h2", null, told(title)),
      h("span", { class: "faint" }, moment(finding.modified_ms, Date.now()), ", ", h("span", { class: "mono" }, told(finding.file)), `, ${size(finding.bytes)}`)),
    body(context, finding, known),
  );
}

/**
 * @param {Context} context
 * @param {any} finding
 * @param {{show: (context: Context, found: any) => import("../shell/dom.js").Child} | undefined} known
 */
function body(context, finding, known) {
  if (finding.content === null || finding.content === undefined) {
    return h("p", { class: "bad-text" }, told(finding.error?.what ?? "It is too large to be shown here: open the file."));
  }
  if (known && finding.content.version === 1) {
    try {
      return h("div", null, known.show(context, finding.content));
    } catch {
      // Not of the form that this version knows: all of it is shown as it is.
    }
  }
  const tree = new Tree("The finding", { open: 2 });
  tree.show(finding.content);
  return tree.element;
}

/** @param {Context} context */
function nothing(context) {
  return stateMessage(
    "Nothing was found out yet",
    "Findings are written beside a run: which of its races matter, what to blame for how it ended, what experiments came to. This looks for races:",
    { command: `agentmesh races ${context.run.id}` },
  );
}

/** @type {import("../shell/views.js").View} */
export const view = {
  mount(root, context) {
    const asking = new AbortController();
    fill(root, stateMessage("Reading", "", { kind: "busy" }));
    const show = async () => {
      try {
        const { findings } = await context.api.ofRun(context.run.id, "findings", {}, { signal: asking.signal });
        if (!findings.length) fill(root, nothing(context));
        else fill(root, h("div", { class: "findings" }, findings.map((/** @type {any} */ each) => section(context, each))));
      } catch (error) {
        if (isAbort(error)) return;
        fill(root, stateMessage("The findings can't be read", error instanceof Error ? error.message : String(error), { kind: "failed" }));
      }
    };
    void show();
    return { destroy: () => asking.abort() };
  },
};
