/** What a run failed because of: suspects with what each makes of it, the point of no return, what averts it. */

import { button, copyButton, h, told } from "../../shell/dom.js";
import { count, duration, plural, significant } from "../../logic/format.js";
import { quoted } from "../../logic/edits.js";
import { interval } from "./interval.js";

/** @typedef {import("../../shell/context.js").Context} Context */

/**
 * @param {Context} context
 * @param {any} found
 */
export function attributionSection(context, found) {
  const blames = Array.isArray(found.blames) ? found.blames : [];
  return [
    h("p", { class: "muted" },
      "It has failed, for ", h("code", null, told(String(found.question?.failed ?? "the workflow failed"))), ` holds. ${plural(found.suspects ?? 0, "thing")} could have been otherwise; `,
      `${count(found.trials ?? 0)} were tried in ${duration((found.seconds ?? 0) * 1e9)}${found.complete === false ? ", and then the time was over" : ""}.`),
    blames.length ? blameTable(context, blames) : h("p", null, "Nothing that was tried makes a difference."),
    h("div", { class: "finding-facts" },
      suspects(context, "Point of commitment", "From here on it fails, whatever comes after.", found.commitment ? [found.commitment] : []),
      suspects(context, "Would avert it", "The fewest things that make it pass if they are otherwise.", found.flipping ?? []),
      suspects(context, "Enough to fail", "With these as they were, it fails whatever else is otherwise.", found.repro ?? []),
      repair(context, found.repair)),
  ];
}

/**
 * @param {Context} context
 * @param {any[]} blames
 */
function blameTable(context, blames) {
  const titles = ["Suspect", "What", "If it is otherwise, it fails less often by", "", "By"];
  return h("table", { class: "finding-table" },
    h("thead", null, h("tr", null, titles.map((title) => h("th", { scope: "col" }, title || h("span", { class: "hidden-text" }, "Interval"))))),
    h("tbody", null, blames.map((blame) => h("tr", null,
      h("td", null, link(context, blame.event)),
      h("td", null, told(blame.what), " ", h("span", { class: "badge" }, told(blame.class)), blame.with_others > 0 && h("span", { class: "badge" }, `with ${plural(blame.with_others, "other")}`)),
      h("td", { class: "number" }, percent(blame.effect), blame.decided === false && h("span", { class: "badge" }, "not decided")),
      h("td", null, interval({ low: blame.interval?.[0] ?? blame.effect, high: blame.interval?.[1] ?? blame.effect, middle: blame.effect }, [Math.min(0, blame.interval?.[0] ?? 0), 1])),
      h("td", { class: "muted" }, blame.exact ? "exact: nothing new was asked" : plural(blame.samples ?? 0, "sample"))))));
}

/** @param {number} share */
function percent(share) {
  return `${significant(share * 100, 3)} %`;
}

/**
 * @param {Context} context
 * @param {string} reference
 */
function link(context, reference) {
  const event = context.run.find(reference ?? "");
  return event >= 0 ? context.eventLink(event) : h("span", { class: "mono" }, told(reference ?? ""));
}

/**
 * @param {Context} context
 * @param {string} title
 * @param {string} text
 * @param {any[]} some
 */
function suspects(context, title, text, some) {
  if (!some.length) return null;
  return h("div", { class: "finding-fact" }, h("h3", null, title), h("p", { class: "faint" }, text),
    h("ul", null, some.map((each) => h("li", null, link(context, each.event), " ", told(each.what ?? "")))));
}

/**
 * @param {Context} context
 * @param {any} found
 */
function repair(context, found) {
  if (!found) return null;
  const line = found.fork?.length ? `agentmesh fork ${quoted(context.run.id)} ${found.fork.join(" ")}` : "";
  const [first] = found.edits ?? [];
  return h("div", { class: "finding-fact" },
    h("h3", null, "What averts it ", h("span", { class: `pill ${found.verified ? "good" : "warn"}` }, found.verified ? "verified" : `${found.passed} of ${found.tried}`)),
    line && h("div", { class: "debug-box" }, h("pre", { class: "debug-line", tabIndex: 0 }, told(line)), copyButton(() => line, "Copy the line")),
    context.control && first?.event && button("Try it", () => context.open("whatif", { event: first.event, change: first.edit ?? "" }), { class: "small" }));
}
