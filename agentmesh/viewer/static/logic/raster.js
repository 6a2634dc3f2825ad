/**
 * Bars as pixels: one line of colours for a track, repeated as often as the track is high. No DOM.
 *
 * Pixels are 32-bit numbers as they lie in the memory of an `ImageData` on little-endian machines.
 */

/** @typedef {import("./pyramid.js").Pyramid} Pyramid */

/**
 * @param {string} text `#rrggbb`, or `rgb(r, g, b)`
 * @returns {number} 0xAABBGGRR
 */
export function pixelOf(text) {
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})/i.exec(text);
  const parts = hex
    ? hex.slice(1).map((each) => parseInt(each, 16))
    : (text.match(/[\d.]+/g) ?? ["0", "0", "0"]).slice(0, 3).map(Number);
  return ((255 << 24) | (parts[2] << 16) | (parts[1] << 8) | parts[0]) >>> 0;
}

/**
 * @param {number} one a pixel
 * @param {number} other a pixel
 * @param {number} share of the other, 0 to 1
 * @returns {number}
 */
export function mix(one, other, share) {
  const k = Math.max(0, Math.min(256, Math.round(share * 256)));
  const red = ((one & 255) * (256 - k) + (other & 255) * k) >> 8;
  const green = (((one >> 8) & 255) * (256 - k) + ((other >> 8) & 255) * k) >> 8;
  const blue = (((one >> 16) & 255) * (256 - k) + ((other >> 16) & 255) * k) >> 8;
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/**
 * @typedef {object} Line
 * @property {Uint32Array} pixels One for each column; 0 for nothing.
 * @property {Float32Array} cover How much of each column is covered.
 */

/** @param {number} width @returns {Line} */
export function makeLine(width) {
  return { pixels: new Uint32Array(width), cover: new Float32Array(width) };
}

/** What takes no time is as wide as this, and as visible. */
const LEAST = 2;
const FAINTEST = 0.5;
/** What covers more than all: nothing is drawn over it. */
const URGENT = 2;

/** @returns {boolean} */
const never = () => false;

/** From how many columns on a bar is drawn with its edges, on a canvas. */
export const EDGED = 3;

/**
 * Fill a line with a track's bars, but for those that are wide enough to be drawn one by one.
 * @param {Line} line
 * @param {Pyramid} pyramid
 * @param {number} track
 * @param {number} from place at the line's left end
 * @param {number} scale columns for each unit of the axis
 * @param {(bar: number) => number} colour a pixel
 * @param {(bar: number, left: number, right: number) => void} wide gets the others
 * @param {(bar: number) => boolean} urgent bars that others must not hide
 * @returns {boolean} whether there is anything in the line
 */
export function fillLine(line, pyramid, track, from, scale, colour, wide, urgent = never) {
  const { pixels, cover } = line;
  const width = pixels.length;
  let any = false;
  pixels.fill(0);
  cover.fill(0);
  pyramid.visit(track, from - 1 / scale, from + width / scale, 1 / scale, (start, end, busy, bar) => {
    const left = (start - from) * scale;
    const right = (end - from) * scale;
    if (right - left >= EDGED) {
      wide(bar, left, right);
      return;
    }
    any = true;
    const columns = Math.min(width, Math.floor(left) + Math.max(LEAST, Math.round(right - left)));
    const share = urgent(bar) ? URGENT : Math.min(1, Math.max(FAINTEST, (busy * scale) / Math.max(1, right - left)));
    const pixel = colour(bar);
    for (let x = Math.max(0, Math.floor(left)); x < columns; x++) {
      if (share >= cover[x]) pixels[x] = pixel;
      if (cover[x] < URGENT) cover[x] = share === URGENT ? URGENT : Math.min(1, cover[x] + share);
    }
  });
  return any;
}

/**
 * Put a line into an image, as high as a track is.
 * @param {Uint32Array} image
 * @param {number} width of the image
 * @param {number} top the first row; may be above the image
 * @param {number} height
 * @param {number} rows of the image
 * @param {Line} line
 * @param {number} ground the colour behind
 */
export function putLine(image, width, top, height, rows, line, ground) {
  const begin = Math.max(0, top);
  const end = Math.min(rows, top + height);
  if (end <= begin) return;
  const { pixels, cover } = line;
  const base = begin * width;
  for (let x = 0; x < pixels.length; x++) {
    if (pixels[x] !== 0) image[base + x] = mix(ground, pixels[x], 0.3 + 0.7 * cover[x]);
  }
  for (let row = begin + 1; row < end; row++) {
    for (let x = 0, at = row * width; x < pixels.length; x++) {
      if (pixels[x] !== 0) image[at + x] = image[base + x];
    }
  }
}
