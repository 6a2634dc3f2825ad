/** Races: which deliveries could have come the other way round, and what that came to. */

import { button, copyButton, h, told } from "../../shell/dom.js";
import { count, duration, plural } from "../../logic/format.js";
import { quoted } from "../../logic/edits.js";
import { preview } from "../../logic/json_tree.js";

/** @typedef {import("../../shell/context.js").Context} Context */

/** @type {Record<string, string>} */
const TONES = { failing: "bad", different: "warn", unresolved: "info", benign: "good" };
const SHOWN = 100;

/**
 * @param {Context} context
 * @param {any} found
 */
export function racesSection(context, found) {
  const races = Array.isArray(found.races) ? found.races : [];
  const telling = races.filter((/** @type {any} */ race) => race.label !== "benign");
  const benign = races.length - telling.length;
  return [
    h("p", { class: "muted" },
      `${plural(found.pairs ?? races.length, "racing pair")} at ${plural(found.agents ?? 0, "agent")}; ${count(found.flipped ?? races.length)} were tried the other way round in ${duration((found.seconds ?? 0) * 1e9)}.`),
    h("div", { class: "finding-counts" }, Object.entries(found.counts ?? {}).map(([label, many]) => Number(many) > 0 &&
      h("span", { class: `pill ${TONES[label] ?? ""}` }, `${count(Number(many))} ${label}`))),
    table(context, telling.slice(0, SHOWN)),
    telling.length > SHOWN && h("p", { class: "faint" }, `${count(telling.length - SHOWN)} more are in the file.`),
    benign > 0 && h("details", null, h("summary", { class: "muted" }, `${plural(benign, "pair")} that ${benign === 1 ? "does" : "do"} not matter`),
      table(context, races.filter((/** @type {any} */ race) => race.label === "benign").slice(0, SHOWN))),
  ];
}

/**
 * @param {Context} context
 * @param {any[]} races
 */
function table(context, races) {
  if (!races.length) return null;
  return h(
    "table",
    { class: "finding-table" },
    h("thead", null, h("tr", null, ["", "At", "First", "Then", "The other way round", ""].map((title) => h("th", { scope: "col" }, title || h("span", { class: "hidden-text" }, "Label or actions"))))),
    h("tbody", null, races.map((race) => row(context, race))),
  );
}

/**
 * @param {Context} context
 * @param {any} race
 */
function row(context, race) {
  const line = `agentmesh fork ${quoted(context.run.id)} ${race.fork}`;
  return h("tr", null,
    h("td", null, h("span", { class: `pill ${TONES[race.label] ?? ""}` }, told(race.label)), race.cures && h("span", { class: "badge good" }, "cures")),
    h("td", { class: "mono" }, told(race.agent)),
    h("td", null, arrival(context, race.first)),
    h("td", null, arrival(context, race.second)),
    h("td", null, whatCame(race)),
    h("td", null, h("div", { class: "finding-actions" },
      button("Look", () => context.select(context.run.find(race.second.event), "sequence"), { class: "small", title: "Look at both in the sequence" }),
      context.control && button("Try", () => tryIt(context, race), { class: "small", title: "Make a branch in which they come the other way round" }),
      copyButton(() => line, "Copy the line that makes a branch of it"))));
}

/**
 * Go to the form that makes a branch of it.
 * @param {Context} context
 * @param {any} race
 */
function tryIt(context, race) {
  const delay = String(race.fork).match(/--delay .*=([\d.]+)s$/)?.[1];
  /** @type {Record<string, string>} */
  const change = delay ? { change: "delay", seconds: delay } : { change: "reorder", after: race.second.event };
  context.open("whatif", { event: race.first.event, ...change });
}

/**
 * @param {Context} context
 * @param {any} one
 */
function arrival(context, one) {
  const event = context.run.find(one.event);
  const step = `@${one.step}`;
  return [
    event >= 0 ? context.eventLink(event, step) : h("span", { class: "mono" }, step),
    " ", told(one.name), h("span", { class: "muted" }, " of ", told(one.source)),
  ];
}

/** @param {any} race */
function whatCame(race) {
  if (race.why) return h("span", { class: "muted" }, told(race.why));
  if (race.error) return h("span", { class: "bad-text" }, told(race.error.what ?? race.error.text ?? preview(race.error)));
  if (race.result !== null && race.result !== undefined) return h("span", { class: "mono" }, told(preview(race.result)));
  return race.differs?.length ? [told(race.differs.join(", ")), h("span", { class: "muted" }, race.differs.length === 1 ? " differs" : " differ")] : h("span", { class: "muted" }, "the same states, the same sends");
}
