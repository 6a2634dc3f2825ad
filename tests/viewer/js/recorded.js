/** Runs as the viewer has them, made of a few words: for tests of what reads them. */

import { EVENT_KINDS, MESSAGE_KINDS, EFFECT_KINDS, RunData } from "../../../agentmesh/viewer/static/data/run_data.js";

/** @param {Record<string, number[]>} columns */
function tableOf(columns) {
  const rows = Math.max(0, ...Object.values(columns).map((values) => values.length));
  return { rows, columns: Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, Float64Array.from(values)])) };
}

/**
 * A run of these events, in the run order: `[agent, kind, cause, turn]`; steps follow.
 * @param {string[]} agents
 * @param {[string, string, number?, number?][]} events
 * @param {{messages?: Record<string, any>[], effects?: Record<string, any>[], turns?: Record<string, any>[]}} [more]
 */
export function runOf(agents, events, { messages = [], effects = [], turns = [] } = {}) {
  const info = {
    id: "r1", status: "done", duration_ns: events.length,
    agents: agents.map((address, index) => ({
      index, address, type: address.split("/")[0], key: address.split("/")[1], events: events.filter(([who]) => who === address).length,
      turns: turns.filter((turn) => turn.agent === address).length, effects: 0, failures: 0, input_tokens: 0, output_tokens: 0, cost_usd: 0,
    })),
  };
  const run = new RunData(/** @type {any} */ (info));
  const steps = new Map();
  const number = (/** @type {string} */ address) => agents.indexOf(address);
  const next = (/** @type {string} */ address) => {
    steps.set(address, (steps.get(address) ?? -1) + 1);
    return steps.get(address);
  };
  const put = (/** @type {"events" | "messages" | "effects" | "turns"} */ name, /** @type {Record<string, number[]>} */ columns) => {
    const { rows, columns: made } = tableOf(columns);
    Object.assign(run[name], { rows, total: rows, columns: made, complete: true });
  };
  put("events", {
    agent: events.map(([who]) => number(who)),
    step: events.map(([who]) => next(who)),
    kind: events.map(([, kind]) => EVENT_KINDS.indexOf(kind)),
    cause: events.map(([, , cause = -1]) => cause),
    turn: events.map(([, , , turn = 0]) => turn),
    at: events.map((_, at) => at),
  });
  const words = { handlers: [""], effect_names: [""], models: [""], types: [""], texts: [""] };
  const code = (/** @type {keyof typeof words} */ dictionary, word = "") => {
    if (!words[dictionary].includes(word)) words[dictionary].push(word);
    return words[dictionary].indexOf(word);
  };
  put("messages", {
    src: messages.map((each) => number(each.src)), dst: messages.map((each) => number(each.dst)),
    dst_step: messages.map((each) => each.dst_step ?? -1), kind: messages.map((each) => MESSAGE_KINDS.indexOf(each.kind)),
    handler: messages.map((each) => code("handlers", each.handler)), sent: messages.map((each) => each.sent ?? NaN),
    answered: messages.map((each) => each.answered ?? NaN), outcome: messages.map((each) => each.outcome ?? 1),
    tokens: messages.map((each) => each.tokens ?? 0), cost: messages.map((each) => each.cost ?? 0),
  });
  put("effects", {
    agent: effects.map((each) => number(each.agent)), last_step: effects.map((each) => each.last_step),
    kind: effects.map((each) => EFFECT_KINDS.indexOf(each.kind)), name: effects.map((each) => code("effect_names", each.name)),
    model: effects.map((each) => code("models", each.model)),
  });
  put("turns", {
    agent: turns.map((each) => number(each.agent)), turn: turns.map((each) => each.turn), handler: turns.map((each) => code("handlers", each.handler)),
    deliver_step: turns.map((each) => each.deliver_step ?? -1), delivered: turns.map((each) => each.delivered ?? 0),
    begin: turns.map((each) => each.begin ?? 0), end: turns.map((each) => each.end ?? 0),
  });
  run.dictionaries = words;
  run.version = 1;
  return run;
}
