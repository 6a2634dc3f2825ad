/**
 * A layered drawing of a directed graph: from left to right, few crossings, straight long edges.
 *
 * Sugiyama's four steps: edges that close a cycle are turned round; nodes get layers, edges that pass
 * several layers get a place in each; the order within layers is improved by medians and swaps; then
 * coordinates are the least squares of edge lengths under the wanted distances, layer by layer, exactly
 * (pools of neighbours that push each other). All ties are settled by the order in which nodes are
 * given: the same graph is drawn alike each time. No DOM in here.
 */

import { orderLayers } from "./layer_order.js";

/** @typedef {{id: string, width: number, height: number}} Node */
/** @typedef {{from: string, to: string, weight: number}} Edge */
/** @typedef {{x: number, y: number, layer: number, width: number, height: number}} PlacedNode */

/**
 * @typedef {object} PlacedEdge
 * @property {number} edge Index of the edge that was given.
 * @property {[number, number][]} points From its start to its end.
 * @property {boolean} back Whether it was turned round to break a cycle.
 * @property {boolean} loop Whether it goes from a node to itself.
 */

/**
 * @typedef {object} GraphLayout
 * @property {Map<string, PlacedNode>} nodes Middles of nodes.
 * @property {PlacedEdge[]} edges
 * @property {number} width
 * @property {number} height
 * @property {number} crossings
 */

/**
 * @typedef {object} Item A node, or a place that an edge passes.
 * @property {string} id Empty for a place of an edge.
 * @property {number} layer
 * @property {number} size Across the layer.
 * @property {number} along In the direction of the edges.
 * @property {number} at Middle, across the layer.
 */

const GAP_LAYERS = 150;
const GAP_NODES = 26;
const GAP_PASSING = 16;
const SWEEPS = 12;
const STRAIGHTNESS = 8;

/**
 * Place nodes and edges.
 * @param {Node[]} nodes Those that others depend on first: where there is a choice, they stand further left.
 * @param {Edge[]} edges
 * @returns {GraphLayout}
 */
export function layoutGraph(nodes, edges) {
  const index = new Map(nodes.map((node, place) => [node.id, place]));
  const arcs = edges.map((edge, place) => ({
    place,
    from: index.get(edge.from) ?? -1,
    to: index.get(edge.to) ?? -1,
    weight: edge.weight,
  }));
  const known = arcs.filter((arc) => arc.from >= 0 && arc.to >= 0 && arc.from !== arc.to);
  const back = backEdges(nodes.length, known);
  const forward = known.map((arc) =>
    back.has(arc.place) ? { ...arc, from: arc.to, to: arc.from } : arc);
  const layers = layersOf(nodes.length, forward);
  const { items, chains } = withPlaces(nodes, forward, layers);
  const links = chains.flatMap((chain) => chain.slice(1).map((to, i) => [chain[i], to]));
  const { order, crossings } = orderLayers(items.map((item) => item.layer), links);
  placeAcross(items, order, links);
  return drawn(nodes, items, order, { arcs, forward, chains, back, crossings });
}

/** @typedef {{place: number, from: number, to: number, weight: number}} Arc */

/**
 * Find edges that lead back, in a walk that begins where nothing leads to.
 * @param {number} count
 * @param {Arc[]} arcs
 * @returns {Set<number>} Their places.
 */
function backEdges(count, arcs) {
  const out = grouped(count, arcs, "from");
  const incoming = grouped(count, arcs, "to");
  const starts = [...Array(count).keys()];
  const first = starts.filter((node) => incoming[node].length === 0);
  const state = new Uint8Array(count);  // 1: on the way, 2: done
  /** @type {Set<number>} */
  const back = new Set();
  for (const start of [...first, ...starts]) {
    if (state[start]) continue;
    state[start] = 1;
    const way = [{ node: start, next: 0 }];
    while (way.length) {
      const here = way[way.length - 1];
      const arc = out[here.node][here.next++];
      if (!arc) {
        state[here.node] = 2;
        way.pop();
      } else if (state[arc.to] === 1) back.add(arc.place);
      else if (state[arc.to] === 0) {
        state[arc.to] = 1;
        way.push({ node: arc.to, next: 0 });
      }
    }
  }
  return back;
}

/**
 * @param {number} count
 * @param {Arc[]} arcs
 * @param {"from" | "to"} by
 * @returns {Arc[][]}
 */
function grouped(count, arcs, by) {
  /** @type {Arc[][]} */
  const groups = Array.from({ length: count }, () => []);
  for (const arc of arcs) groups[arc[by]].push(arc);
  return groups;
}

/**
 * Give each node a layer: behind all it comes from, and as near to its neighbours as that allows.
 * @param {number} count
 * @param {Arc[]} arcs Without cycles.
 * @returns {Int32Array}
 */
function layersOf(count, arcs) {
  const layer = new Int32Array(count);
  const incoming = grouped(count, arcs, "to");
  const out = grouped(count, arcs, "from");
  const sorted = topological(count, incoming, out);
  for (const node of sorted) {
    for (const arc of incoming[node]) layer[node] = Math.max(layer[node], layer[arc.from] + 1);
  }
  // What could stand further right without making anything longer, does: sources above all.
  for (let round = 0; round < 4; round++) {
    for (const node of [...sorted].reverse()) {
      if (!out[node].length) continue;
      const latest = Math.min(...out[node].map((arc) => layer[arc.to])) - 1;
      const pull = sum(out[node]) - sum(incoming[node]);
      if (latest > layer[node] && pull > 0) layer[node] = latest;
    }
  }
  return layer;
}

/** @param {Arc[]} arcs */
function sum(arcs) {
  return arcs.reduce((total, arc) => total + arc.weight, 0);
}

/**
 * @param {number} count
 * @param {Arc[][]} incoming
 * @param {Arc[][]} out
 * @returns {number[]}
 */
function topological(count, incoming, out) {
  const left = incoming.map((arcs) => arcs.length);
  const ready = [...Array(count).keys()].filter((node) => left[node] === 0);
  for (let next = 0; next < ready.length; next++) {
    for (const arc of out[ready[next]]) if (--left[arc.to] === 0) ready.push(arc.to);
  }
  return ready;
}

/**
 * Make an item of each node, and of each place where an edge passes a layer.
 * @param {Node[]} nodes
 * @param {Arc[]} arcs
 * @param {Int32Array} layers
 * @returns {{items: Item[], chains: number[][]}} Chains: of each edge, the items that it passes.
 */
function withPlaces(nodes, arcs, layers) {
  /** @type {Item[]} */
  const items = nodes.map((node, place) => ({
    id: node.id, layer: layers[place], size: node.height, along: node.width, at: 0,
  }));
  const chains = arcs.map((arc) => {
    const chain = [arc.from];
    for (let layer = layers[arc.from] + 1; layer < layers[arc.to]; layer++) {
      chain.push(items.length);
      items.push({ id: "", layer, size: GAP_PASSING, along: 0, at: 0 });
    }
    chain.push(arc.to);
    return chain;
  });
  return { items, chains };
}

/**
 * Place items across their layers: near their neighbours, with distances kept, in the given order.
 * @param {Item[]} items
 * @param {number[][]} order
 * @param {number[][]} links
 */
function placeAcross(items, order, links) {
  /** @type {{item: number, weight: number}[][]} */
  const before = items.map(() => []);
  /** @type {{item: number, weight: number}[][]} */
  const after = items.map(() => []);
  for (const [from, to] of links) {
    const passing = (items[from].id ? 0 : 1) + (items[to].id ? 0 : 1);
    const weight = passing === 2 ? STRAIGHTNESS : passing === 1 ? 2 : 1;
    before[to].push({ item: from, weight });
    after[from].push({ item: to, weight });
  }
  for (const layer of order) settle(items, layer, () => [0, 1]);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const down = sweep % 2 === 0;
    const sides = sweep >= SWEEPS - 2 ? [before, after] : [down ? before : after];
    for (const layer of down ? order : [...order].reverse()) {
      settle(items, layer, (item) => wish(items, item, sides));
    }
  }
}

/**
 * @param {Item[]} items
 * @param {number} item
 * @param {{item: number, weight: number}[][][]} sides
 * @returns {[number, number]} Where it wants to be, and how much.
 */
function wish(items, item, sides) {
  let weight = 0;
  let total = 0;
  for (const side of sides) {
    for (const each of side[item]) {
      weight += each.weight;
      total += each.weight * items[each.item].at;
    }
  }
  return weight ? [total / weight, weight] : [items[item].at, 0.01];
}

/**
 * Place a layer: the least squares of wishes, with distances kept (pool adjacent violators).
 * @param {Item[]} items
 * @param {number[]} layer
 * @param {(item: number) => [number, number] | number[]} wishOf
 */
function settle(items, layer, wishOf) {
  /** @type {{total: number, weight: number, first: number}[]} */
  const pools = [];
  const offsets = new Float64Array(layer.length);
  layer.forEach((item, place) => {
    const previous = place ? items[layer[place - 1]] : null;
    if (previous) {
      const gap = items[item].id && previous.id ? GAP_NODES : GAP_PASSING;
      offsets[place] = offsets[place - 1] + (previous.size + items[item].size) / 2 + gap;
    }
    const [wanted, weight] = wishOf(item);
    pools.push({ total: (wanted - offsets[place]) * weight, weight, first: place });
    while (pools.length > 1 && mean(pools[pools.length - 2]) > mean(pools[pools.length - 1])) {
      const last = /** @type {{total: number, weight: number, first: number}} */ (pools.pop());
      pools[pools.length - 1].total += last.total;
      pools[pools.length - 1].weight += last.weight;
    }
  });
  pools.forEach((pool, number) => {
    const end = number + 1 < pools.length ? pools[number + 1].first : layer.length;
    for (let place = pool.first; place < end; place++) {
      items[layer[place]].at = mean(pool) + offsets[place];
    }
  });
}

/** @param {{total: number, weight: number}} pool */
function mean(pool) {
  return pool.total / pool.weight;
}

/**
 * @typedef {object} Made
 * @property {Arc[]} arcs
 * @property {Arc[]} forward
 * @property {number[][]} chains
 * @property {Set<number>} back
 * @property {number} crossings
 */

/**
 * @param {Node[]} nodes
 * @param {Item[]} items
 * @param {number[][]} order
 * @param {Made} made
 * @returns {GraphLayout}
 */
function drawn(nodes, items, order, made) {
  const widths = order.map((layer) => Math.max(0, ...layer.map((item) => items[item].along)));
  /** @type {number[]} */
  const middles = [];
  let right = 0;
  for (const width of widths) {
    middles.push(right + width / 2);
    right += width + GAP_LAYERS;
  }
  const top = Math.min(0, ...items.map((item) => item.at - item.size / 2));
  const bottom = Math.max(0, ...items.map((item) => item.at + item.size / 2));
  for (const item of items) item.at -= top;
  const placed = new Map(nodes.map((node, place) => [node.id, {
    x: middles[items[place].layer], y: items[place].at, layer: items[place].layer,
    width: node.width, height: node.height,
  }]));
  return {
    nodes: placed,
    edges: routes(nodes, items, middles, widths, made),
    width: Math.max(0, right - GAP_LAYERS),
    height: bottom - top,
    crossings: made.crossings,
  };
}

/**
 * Lead each edge from side to side; those at one side of a node stand apart, in the order of their other ends.
 * @param {Node[]} nodes
 * @param {Item[]} items
 * @param {number[]} middles
 * @param {number[]} widths
 * @param {Made} made
 * @returns {PlacedEdge[]}
 */
function routes(nodes, items, middles, widths, made) {
  const starts = ports(items, made.chains, (chain) => chain[0], (chain) => chain[1]);
  const ends = ports(
    items, made.chains, (chain) => chain[chain.length - 1], (chain) => chain[chain.length - 2]);
  const edges = made.forward.map((arc, number) => {
    const chain = made.chains[number];
    const points = chain.flatMap((item) => through(items[item], middles, widths));
    points[0] = [points[0][0] + nodes[arc.from].width / 2, starts[number]];
    const last = points.length - 1;
    points[last] = [points[last][0] - nodes[arc.to].width / 2, ends[number]];
    const back = made.back.has(arc.place);
    return { edge: arc.place, points: back ? points.reverse() : points, back, loop: false };
  });
  for (const arc of made.arcs) {
    if (arc.from !== arc.to || arc.from < 0) continue;
    const item = items[arc.from];
    const node = nodes[arc.from];
    const x = middles[item.layer];
    const y = item.at - node.height / 2;
    /** @type {[number, number][]} */
    const points = [[x - 18, y], [x - 18, y - 22], [x + 18, y - 22], [x + 18, y]];
    edges.push({ edge: arc.place, points, back: false, loop: true });
  }
  return edges;
}

/**
 * A node is one point; a layer is passed straight, from one of its sides to the other.
 * @param {Item} item
 * @param {number[]} middles
 * @param {number[]} widths
 * @returns {[number, number][]}
 */
function through(item, middles, widths) {
  const x = middles[item.layer];
  if (item.id) return [[x, item.at]];
  const half = widths[item.layer] / 2;
  return [[x - half, item.at], [x + half, item.at]];
}

/**
 * @param {Item[]} items
 * @param {number[][]} chains
 * @param {(chain: number[]) => number} nodeOf
 * @param {(chain: number[]) => number} otherOf
 * @returns {number[]} Of each chain, where it meets its node.
 */
function ports(items, chains, nodeOf, otherOf) {
  const found = new Array(chains.length).fill(0);
  /** @type {Map<number, number[]>} */
  const byNode = new Map();
  chains.forEach((chain, number) => {
    const node = nodeOf(chain);
    byNode.set(node, [...(byNode.get(node) ?? []), number]);
  });
  for (const [node, numbers] of byNode) {
    numbers.sort((a, b) => items[otherOf(chains[a])].at - items[otherOf(chains[b])].at || a - b);
    const room = items[node].size * 0.7;
    numbers.forEach((number, place) => {
      found[number] = items[node].at + room * ((place + 0.5) / numbers.length - 0.5);
    });
  }
  return found;
}
