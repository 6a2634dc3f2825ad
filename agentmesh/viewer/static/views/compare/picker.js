/** Choosing the run to compare with: branches and parents first, then runs of the same workflow. */

import { fill, h, stateMessage, told } from "../../shell/dom.js";
import { moment, plural } from "../../logic/format.js";
import { brief } from "../../logic/text.js";
import { formatRoute } from "../../shell/router.js";

/** @typedef {import("../../shell/context.js").Context} Context */
/** @typedef {import("../../data/types.js").Run} Run */

/**
 * Fill an element with the runs to choose from.
 * @param {HTMLElement} root
 * @param {Context} context
 */
export async function showPicker(root, context) {
  fill(root, stateMessage("Looking for runs", "", { kind: "busy" }));
  const { runs } = await context.api.json("/api/runs");
  const groups = grouped(context.run.info, runs);
  if (!groups.length) {
    fill(root, stateMessage("There is nothing to compare with", "This store has no other run. A branch is made by `agentmesh fork`, or in What if.", {
      command: `agentmesh fork ${context.run.id} --drop AGENT@STEP`,
    }));
    return;
  }
  fill(
    root,
    h("div", { class: "picker" },
      h("h2", null, "Compare with"),
      h("p", { class: "muted" }, "Events are aligned by what caused them, and not by time: the first one that differs is where the runs part."),
      groups.map(([title, some]) => h("section", null, h("h3", null, title), h("ul", null, some.map((run) => choice(context.run.id, run)))))),
  );
}

/**
 * @param {import("../../data/types.js").RunInfo} mine
 * @param {Run[]} runs
 * @returns {[string, Run[]][]}
 */
function grouped(mine, runs) {
  const others = runs.filter((run) => run.id !== mine.id);
  /** @type {[string, (run: Run) => boolean][]} */
  const kinds = [
    ["Its parent", (run) => run.id === mine.parent],
    ["Its branches", (run) => run.parent === mine.id],
    ["Branches of the same run", (run) => Boolean(mine.parent) && run.parent === mine.parent],
    ["Of the same workflow", (run) => run.workflow === mine.workflow],
    ["Others", () => true],
  ];
  /** @type {Set<string>} */
  const used = new Set();
  return kinds.flatMap(([title, fits]) => {
    const some = others.filter((run) => !used.has(run.id) && fits(run));
    for (const run of some) used.add(run.id);
    /** @type {[string, Run[]][]} */
    const group = some.length ? [[title, some]] : [];
    return group;
  });
}

/**
 * @param {string} mine
 * @param {Run} run
 */
function choice(mine, run) {
  const href = formatRoute({ run: mine, view: "compare", params: { with: run.id } });
  const tone = run.status === "done" ? "good" : run.status === "failed" ? "bad" : "";
  return h("li", null, h("a", { href, class: "choice" },
    h("span", { class: "mono" }, told(run.id)),
    h("span", { class: `pill ${tone}` }, told(run.status)),
    h("span", { class: "muted" }, told(run.workflow)),
    h("span", { class: "muted" }, moment(run.started_ms, Date.now())),
    h("span", { class: "faint clip" }, run.edits.length ? plural(run.edits.length, "change") : brief(run.result ?? "", 80))));
}
