/**
 * The order of nodes within layers so that few edges cross: medians of neighbours, then swaps.
 *
 * Sweeps go down and up in turn; the best order met is kept. Crossings are counted by inversions, in
 * the time of sorting. Knows nothing of sizes and places.
 */

const SWEEPS = 16;
const SWAPS = 6;

/**
 * Order the items of each layer.
 * @param {number[]} layerOf Of each item.
 * @param {number[][]} links Pairs of items in neighbouring layers, the upper one first.
 * @returns {{order: number[][], crossings: number}} Of each layer, its items.
 */
export function orderLayers(layerOf, links) {
  const above = layerOf.map(() => /** @type {number[]} */ ([]));
  const below = layerOf.map(() => /** @type {number[]} */ ([]));
  for (const [from, to] of links) {
    below[from].push(to);
    above[to].push(from);
  }
  let order = firstOrder(layerOf, below);
  let best = order.map((layer) => [...layer]);
  let fewest = countCrossings(order, below);
  for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep++) {
    order = order.map((layer) => [...layer]);
    if (sweep % 2 === 0) for (let n = 1; n < order.length; n++) byMedian(order, n, n - 1, above);
    else for (let n = order.length - 2; n >= 0; n--) byMedian(order, n, n + 1, below);
    swapNeighbours(order, above, below);
    const crossings = countCrossings(order, below);
    if (crossings < fewest) {
      fewest = crossings;
      best = order.map((layer) => [...layer]);
    }
  }
  return { order: best, crossings: fewest };
}

/**
 * Begin as a walk from the upper layers meets the items, so that trees have no crossings at all.
 * @param {number[]} layerOf
 * @param {number[][]} below
 * @returns {number[][]}
 */
function firstOrder(layerOf, below) {
  const depth = Math.max(-1, ...layerOf) + 1;
  /** @type {number[][]} */
  const order = Array.from({ length: depth }, () => []);
  const seen = new Uint8Array(layerOf.length);
  const starts = [...layerOf.keys()].sort((a, b) => layerOf[a] - layerOf[b] || a - b);
  for (const start of starts) {
    const waiting = [start];
    while (waiting.length) {
      const item = /** @type {number} */ (waiting.pop());
      if (seen[item]) continue;
      seen[item] = 1;
      order[layerOf[item]].push(item);
      for (let n = below[item].length - 1; n >= 0; n--) waiting.push(below[item][n]);
    }
  }
  return order;
}

/**
 * @param {number[]} layer
 * @returns {Map<number, number>}
 */
function places(layer) {
  return new Map(layer.map((item, place) => [item, place]));
}

/**
 * Sort a layer by the medians of its neighbours; items without neighbours keep their places.
 * @param {number[][]} order
 * @param {number} number
 * @param {number} fixed
 * @param {number[][]} neighbours
 */
function byMedian(order, number, fixed, neighbours) {
  const place = places(order[fixed]);
  const medians = new Map(order[number].map((item) => {
    const found = neighbours[item].map((each) => place.get(each) ?? 0).sort((a, b) => a - b);
    return [item, medianOf(found)];
  }));
  const movable = order[number].filter((item) => (medians.get(item) ?? -1) >= 0);
  const mine = places(order[number]);
  movable.sort((a, b) =>
    (medians.get(a) ?? 0) - (medians.get(b) ?? 0) || (mine.get(a) ?? 0) - (mine.get(b) ?? 0));
  let next = 0;
  order[number] = order[number].map((item) =>
    (medians.get(item) ?? -1) >= 0 ? movable[next++] : item);
}

/**
 * @param {number[]} sorted
 * @returns {number} -1 for none; weighed towards the denser side for an even number.
 */
function medianOf(sorted) {
  const half = sorted.length >> 1;
  if (!sorted.length) return -1;
  if (sorted.length % 2) return sorted[half];
  if (sorted.length === 2) return (sorted[0] + sorted[1]) / 2;
  const left = sorted[half - 1] - sorted[0];
  const right = sorted[sorted.length - 1] - sorted[half];
  if (left + right === 0) return (sorted[half - 1] + sorted[half]) / 2;
  return (sorted[half - 1] * right + sorted[half] * left) / (left + right);
}

/**
 * Swap neighbours as long as it helps.
 * @param {number[][]} order
 * @param {number[][]} above
 * @param {number[][]} below
 */
function swapNeighbours(order, above, below) {
  for (let round = 0; round < SWAPS; round++) {
    let better = false;
    for (let number = 0; number < order.length; number++) {
      const layer = order[number];
      const up = number ? places(order[number - 1]) : new Map();
      const down = number + 1 < order.length ? places(order[number + 1]) : new Map();
      for (let place = 0; place + 1 < layer.length; place++) {
        const [one, other] = [layer[place], layer[place + 1]];
        const now = between(above[one], above[other], up) + between(below[one], below[other], down);
        const then = between(above[other], above[one], up) + between(below[other], below[one], down);
        if (then < now) {
          layer[place] = other;
          layer[place + 1] = one;
          better = true;
        }
      }
    }
    if (!better) return;
  }
}

/**
 * @param {number[]} left
 * @param {number[]} right
 * @param {Map<number, number>} place
 * @returns {number} Crossings of the edges of two items that stand side by side.
 */
function between(left, right, place) {
  let crossings = 0;
  for (const a of left) {
    for (const b of right) if ((place.get(a) ?? 0) > (place.get(b) ?? 0)) crossings++;
  }
  return crossings;
}

/**
 * @param {number[][]} order
 * @param {number[][]} below
 * @returns {number}
 */
function countCrossings(order, below) {
  let crossings = 0;
  for (let number = 0; number + 1 < order.length; number++) {
    const place = places(order[number + 1]);
    const ends = order[number].flatMap((item) =>
      below[item].map((each) => place.get(each) ?? 0).sort((a, b) => a - b));
    crossings += inversions(ends, order[number + 1].length);
  }
  return crossings;
}

/**
 * @param {number[]} values
 * @param {number} size Above all values.
 * @returns {number}
 */
function inversions(values, size) {
  const tree = new Uint32Array(size + 2);
  let found = 0;
  values.forEach((value, seen) => {
    let smaller = 0;
    for (let i = value + 1; i > 0; i -= i & -i) smaller += tree[i];
    found += seen - smaller;
    for (let i = value + 1; i <= size; i += i & -i) tree[i]++;
  });
  return found;
}
