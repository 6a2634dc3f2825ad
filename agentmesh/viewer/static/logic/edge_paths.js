/** Edges of a layered drawing as curves, and places for their labels where no other label is. No DOM in here. */

/** @typedef {[number, number][]} Points */
/** @typedef {{x: number, y: number, width: number, height: number}} Box Its middle, and its size. */

const TRIED = [0.5, 0.38, 0.62, 0.28, 0.72, 0.2, 0.8];

/**
 * A smooth path through points, level where it passes them.
 * @param {Points} points
 * @param {boolean} [loop] Whether it is an edge from a node to itself.
 * @returns {string} For `d`.
 */
export function pathOf(points, loop = false) {
  const [start, ...rest] = points;
  if (!start) return "";
  if (loop && points.length === 4) {
    const [one, two, end] = rest;
    return `M${near(start)}C${near(one)} ${near(two)} ${near(end)}`;
  }
  let path = `M${near(start)}`;
  let from = start;
  for (const to of rest) {
    const middle = (from[0] + to[0]) / 2;
    path += from[1] === to[1] ? `L${near(to)}` : `C${near([middle, from[1]])} ${near([middle, to[1]])} ${near(to)}`;
    from = to;
  }
  return path;
}

/** @param {[number, number] | undefined} point */
function near(point) {
  return point ? `${Math.round(point[0] * 10) / 10} ${Math.round(point[1] * 10) / 10}` : "";
}

/**
 * A point of such a path.
 * @param {Points} points
 * @param {number} share From 0, its start, to 1, its end; by the way across.
 * @returns {[number, number]}
 */
export function pointAt(points, share) {
  const lengths = points.slice(1).map((to, place) => Math.abs(to[0] - points[place][0]));
  const whole = lengths.reduce((sum, length) => sum + length, 0);
  let left = share * whole;
  for (let place = 0; place < lengths.length; place++) {
    if (left <= lengths[place] || place === lengths.length - 1) {
      return onCurve(points[place], points[place + 1], lengths[place] ? left / lengths[place] : 0);
    }
    left -= lengths[place];
  }
  return points[0] ?? [0, 0];
}

/**
 * @param {[number, number]} from
 * @param {[number, number]} to
 * @param {number} share Of the way across.
 * @returns {[number, number]}
 */
function onCurve(from, to, share) {
  // x(t) = from + d (1.5 t - 1.5 t² + t³), y(t) = from + d (3 t² - 2 t³): find t for x.
  let low = 0;
  let high = 1;
  for (let round = 0; round < 20; round++) {
    const t = (low + high) / 2;
    if (1.5 * t - 1.5 * t * t + t * t * t < share) low = t;
    else high = t;
  }
  const t = (low + high) / 2;
  return [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * (3 * t * t - 2 * t * t * t)];
}

/**
 * Place labels along their edges: in the middle, or near to it where something else is there.
 * @param {{points: Points, width: number, height: number, loop: boolean}[]} labels The most important first.
 * @param {Box[]} taken What is there already.
 * @returns {[number, number][]} Middles.
 */
export function placeLabels(labels, taken) {
  const boxes = [...taken];
  return labels.map(({ points, width, height, loop }) => {
    if (loop) return [(points[0][0] + points[3][0]) / 2, points[1][1] + 2];
    const free = TRIED.map((share) => pointAt(points, share))
      .find(([x, y]) => !boxes.some((box) => meets(box, { x, y, width, height })));
    const [x, y] = free ?? pointAt(points, 0.5);
    boxes.push({ x, y, width, height });
    return [x, y];
  });
}

/**
 * @param {Box} one
 * @param {Box} other
 */
function meets(one, other) {
  return Math.abs(one.x - other.x) < (one.width + other.width) / 2
    && Math.abs(one.y - other.y) < (one.height + other.height) / 2;
}
