/**
 * Which rows of a very long list are to be seen. No DOM.
 *
 * Browsers end at some thirty million pixels, a million rows of thirty each. Beyond a length that
 * every browser has, the scroll bar stands for shares of the list, and the wheel moves by pixels.
 */

const LONGEST = 8_000_000;

export class Scrolling {
  /** @param {number} rowHeight */
  constructor(rowHeight) {
    this.rowHeight = rowHeight;
    this.count = 0;
    this.view = 0;
    /** How far the list is scrolled, in pixels of all its rows. */
    this.top = 0;
  }

  /** Height of all rows, as if there were no limit. */
  get whole() {
    return this.count * this.rowHeight;
  }

  /** Height of the element that makes the scroll bar. */
  get height() {
    return Math.min(LONGEST, this.whole);
  }

  /** Whether the scroll bar stands for shares. */
  get isScaled() {
    return this.whole > LONGEST;
  }

  get last() {
    return Math.max(0, this.whole - this.view);
  }

  /** Where the scroll bar is. */
  get bar() {
    return this.isScaled ? (this.top / (this.last || 1)) * (this.height - this.view) : this.top;
  }

  /** @param {number} bar where somebody has put the scroll bar */
  set bar(bar) {
    this.moveTo(this.isScaled ? (bar / (this.height - this.view || 1)) * this.last : bar);
  }

  /** @param {number} top */
  moveTo(top) {
    this.top = Math.max(0, Math.min(this.last, top));
  }

  /**
   * Bring a row into view.
   * @param {number} row
   * @param {number} [edge] rows that stay visible beyond it
   */
  reveal(row, edge = 1) {
    const [from, to] = [row * this.rowHeight, (row + 1) * this.rowHeight];
    const room = edge * this.rowHeight;
    if (from - room < this.top) this.moveTo(from - room);
    else if (to + room > this.top + this.view) this.moveTo(to + room - this.view);
  }

  /** Rows in view: the first, and the one after the last. */
  get range() {
    const first = Math.floor(this.top / this.rowHeight);
    return { first, last: Math.min(this.count, Math.ceil((this.top + this.view) / this.rowHeight)) };
  }
}
