/** One run in the list. */

import { cost, count, duration, moment, shortCount } from "../../logic/format.js";
import { brief, visible } from "../../logic/text.js";
import { button, h, icon, setVars, told } from "../../shell/dom.js";
import { statusPill } from "../../shell/facts.js";
import { formatRoute } from "../../shell/router.js";

/** @typedef {import("../../logic/runs_list.js").Shown} Shown */

/**
 * @param {Shown} shown
 * @param {{ active: boolean, folded: boolean, now: number, longest: number, fold: () => void }} how
 */
export function runRow({ run, depth, forks }, { active, folded, now, longest, fold }) {
  const href = formatRoute({ run: run.id, view: "timeline", params: {} });
  const bar = h("span", { class: "took-bar", "aria-hidden": "true" });
  const ns = run.duration_ns ?? (run.status === "running" ? (now - run.started_ms) * 1e6 : NaN);
  setVars(bar, { "--share": String(Number.isNaN(ns) ? 0 : Math.min(1, Math.max(0.004, ns / longest))) });
  const name = h(
    "div",
    { class: "cell r-run", role: "gridcell" },
    h("span", { class: `run-twist${depth ? " fork" : ""}` },
      forks > 0 ? button(icon(folded ? "forward" : "down"), fold, {
        class: "icon small plain", title: folded ? `Show ${forks} forks` : "Hide forks", tabIndex: -1,
      }) : depth > 0 && icon("fork")),
    h("a", { href, class: "mono run-link", tabIndex: -1 }, told(run.id)),
  );
  setVars(name, { "--depth": String(depth) });
  return h(
    "div",
    { class: `row${active ? " active" : ""}`, role: "row", "data-run": run.id, "aria-selected": String(active),
      "aria-level": depth + 1, "aria-expanded": forks > 0 && String(!folded), id: active && "run-active" },
    name,
    cell("status", statusPill(run.status)),
    cell("workflow", [told(run.workflow), h("span", { class: "faint" }, " ", told(run.program))], `${run.workflow} ${run.program}`),
    cell("outcome", [run.parent && compareLink(run), outcomeOf(run)]),
    cell("started", moment(run.started_ms, now), new Date(run.started_ms).toISOString()),
    h("div", { class: "cell r-took", role: "gridcell" }, duration(ns), bar),
    ...figureCells(run),
    cell("driver", h("span", { class: "muted" }, told(run.driver))),
  );
}

/**
 * @param {string} id
 * @param {import("../../shell/dom.js").Child} content
 * @param {string} [title]
 */
function cell(id, content, title) {
  return h("div", { class: `cell r-${id}`, role: "gridcell", title }, content);
}

/** @param {import("../../data/types.js").Run} run */
function figureCells(run) {
  const { figures } = run;
  if (!figures) return ["events", "failures", "tokens", "cost"].map((id) => cell(id, h("span", { class: "faint" }, "…"), "Being counted"));
  if (figures.unreadable) return ["events", "failures", "tokens", "cost"].map((id) => cell(id, h("span", { class: "bad-text" }, "?"), "Its record can't be read"));
  const tokens = figures.input_tokens + figures.output_tokens;
  return [
    cell("events", shortCount(figures.events), `${count(figures.events)} events of ${count(figures.agents)} agents`),
    cell("failures", figures.failures ? h("span", { class: "bad-text" }, shortCount(figures.failures)) : h("span", { class: "faint" }, "0")),
    cell("tokens", tokens ? shortCount(tokens) : h("span", { class: "faint" }, "0"), `${count(figures.input_tokens)} in, ${count(figures.output_tokens)} out`),
    cell("cost", tokens && figures.cost_usd === null ? h("span", { class: "faint", title: "The price of its models is not known" }, "–") : cost(figures.cost_usd),
      figures.simulated_cost ? "Of a simulated model" : undefined),
  ];
}

/** Where a branch and its parent are held against each other. @param {import("../../data/types.js").Run} run */
function compareLink(run) {
  const href = formatRoute({ run: run.parent, view: "compare", params: { with: run.id } });
  return h("a", { href, class: "run-compare", tabIndex: -1, title: "Compare it with its parent" }, "compare");
}

/** @param {import("../../data/types.js").Run} run */
function outcomeOf(run) {
  if (run.error) {
    const text = `${run.error.type.split(".").pop()}: ${run.error.what}`;
    return h("span", { class: "bad-text", title: visible(text) }, told(brief(text, 200)));
  }
  if (run.parent && run.edits.length > 0) {
    const edits = run.edits.map((each) => `${each.edit ?? each.kind} ${each.event ?? ""}`.trim()).join(", ");
    return h("span", { class: "muted", title: edits }, h("span", { class: "faint" }, "what if "), told(brief(edits, 120)));
  }
  if (run.result) return h("span", { class: "mono muted", title: run.result }, told(run.result));
  return h("span", { class: "faint" }, run.status === "running" ? "runs" : "");
}
