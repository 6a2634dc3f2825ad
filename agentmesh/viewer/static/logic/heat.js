/** Values as colours: a scale by the logarithm, since costs and waits span many powers of ten. No DOM. */

export const STEPS = 24;

/**
 * @param {ArrayLike<number>} values
 * @returns {{ steps: Uint8Array, low: number, high: number }} steps from 1 to STEPS; 0 where there
 *   is nothing
 */
export function heat(values) {
  let [low, high] = [Infinity, 0];
  for (let at = 0; at < values.length; at++) {
    const value = values[at];
    if (!(value > 0)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const steps = new Uint8Array(values.length);
  if (high === 0) return { steps, low: 0, high: 0 };
  low = Math.max(low, high / 1e4);
  const range = Math.log(high / low) || 1;
  for (let at = 0; at < values.length; at++) {
    const value = values[at];
    if (!(value > 0)) continue;
    const share = Math.max(0, Math.min(1, Math.log(value / low) / range));
    steps[at] = 1 + Math.round(share * (STEPS - 1));
  }
  return { steps, low, high };
}

/**
 * What each bar is worth in a mode.
 * @param {import("../data/run_data.js").RunData} run
 * @param {"cost" | "tokens" | "wait"} mode
 * @returns {Float64Array} by bar: turns, then effects; 0 or NaN where there is nothing
 */
export function barValues(run, mode) {
  const { turns, effects } = run;
  const values = new Float64Array(turns.rows + effects.rows);
  const sources = [
    { table: turns, offset: 0 },
    { table: effects, offset: turns.rows },
  ];
  for (const { table, offset } of sources) {
    const { cost, input_tokens: input, output_tokens: output, begin, delivered } = table.columns;
    for (let row = 0; row < table.rows; row++) {
      values[offset + row] =
        mode === "cost" ? cost[row]
        : mode === "tokens" ? input[row] + output[row]
        : delivered ? begin[row] - delivered[row] : 0;
    }
  }
  return values;
}
