/** What of an axis is to be seen: zooming about a place, panning, and never beyond the ends. No DOM. */

const MARGIN = 0.02;

export class Viewport {
  /** @param {number} total length of the axis */
  constructor(total) {
    this.total = Math.max(total, 1);
    /** The shortest stretch that may fill the screen. */
    this.least = Math.min(this.total, 1);
    this.from = 0;
    this.to = 0;
    this.fit();
  }

  get span() {
    return this.to - this.from;
  }

  /** Whether all of the axis is to be seen. */
  get isFit() {
    return this.from <= 0 && this.to >= this.total;
  }

  fit() {
    this.show(-this.total * MARGIN, this.total * (1 + MARGIN));
  }

  /**
   * Show a stretch, as far as it may be shown.
   * @param {number} from
   * @param {number} to
   */
  show(from, to) {
    const room = this.total * MARGIN;
    const most = this.total + 2 * room;
    const span = Math.min(most, Math.max(this.least, to - from));
    const middle = (from + to) / 2;
    const start = Math.max(-room, Math.min(middle - span / 2, this.total + room - span));
    this.from = start;
    this.to = start + span;
  }

  /**
   * @param {number} factor below 1 shows less, larger
   * @param {number} [about] stays where it is
   */
  zoom(factor, about = (this.from + this.to) / 2) {
    const room = this.total * (1 + 2 * MARGIN);
    const span = Math.min(room, Math.max(this.least, this.span * factor));
    const share = (about - this.from) / this.span;
    const from = about - share * span;
    this.show(from, from + span);
  }

  /** @param {number} by */
  pan(by) {
    this.show(this.from + by, this.to + by);
  }

  /**
   * Bring a stretch into view, without zooming if it fits.
   * @param {number} from
   * @param {number} to
   */
  reveal(from, to) {
    const edge = this.span * 0.08;
    if (to - from > this.span - 2 * edge) {
      if (from > this.to || to < this.from) this.pan(from - this.from - edge);
    } else if (from < this.from + edge) this.pan(from - this.from - edge);
    else if (to > this.to - edge) this.pan(to - this.to + edge);
  }

  /**
   * The axis has another length: what fitted still fits, and the end stays in view if it was.
   * @param {number} total
   */
  resize(total) {
    const fit = this.isFit;
    const by = this.to >= this.total ? Math.max(0, total - this.total) : 0;
    this.total = Math.max(total, 1);
    this.least = Math.min(this.total, 1);
    if (fit) this.fit();
    else this.show(this.from + by, this.to + by);
  }
}
