/** Moving over a large drawing: drag, wheel, keys; all by the drawing's `viewBox`. */

const ZOOM_MIN = 0.15;
const ZOOM_MAX = 12;

export class Viewport {
  /** @param {HTMLElement} stage What the drawing fills. */
  constructor(stage) {
    this._stage = stage;
    /** @type {SVGElement | null} */
    this._drawing = null;
    this._whole = { width: 1, height: 1, origin: 0 };
    this._box = { x: 0, y: 0, width: 1, height: 1 };
    this._fitted = true;
    /** Whether the last press moved the drawing, and so was no click. */
    this.dragged = false;
    stage.addEventListener("wheel", (event) => this._wheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this._press(event));
    this._observer = new ResizeObserver(() => (this._fitted ? this.fit() : this._apply()));
    this._observer.observe(stage);
  }

  /**
   * Show a drawing; one of the same size as before stays where it was.
   * @param {SVGElement} drawing
   * @param {number} width
   * @param {number} height
   * @param {number} origin
   */
  show(drawing, width, height, origin) {
    this._drawing = drawing;
    const same = this._whole.width === width && this._whole.height === height;
    this._whole = { width, height, origin };
    if (same && !this._fitted) this._apply();
    else this.fit();
  }

  /** Show all of it; what is small is not blown up. */
  fit() {
    const { clientWidth, clientHeight } = this._stage;
    const { width, height, origin } = this._whole;
    if (!clientWidth || !clientHeight) return;
    const scale = Math.max(width / clientWidth, height / clientHeight, 0.8);
    const [w, t] = [clientWidth * scale, clientHeight * scale];
    this._box = { x: origin + (width - w) / 2, y: origin + (height - t) / 2, width: w, height: t };
    this._fitted = true;
    this._apply();
  }

  /**
   * @param {number} by Below 1 to see it larger.
   * @param {{x: number, y: number}} [at] Stays where it is; of the stage, from 0 to 1.
   */
  zoom(by, at = { x: 0.5, y: 0.5 }) {
    const box = this._box;
    const scale = box.width / Math.max(this._stage.clientWidth, 1);
    const factor = Math.min(ZOOM_MAX / scale, Math.max(ZOOM_MIN / scale, by));
    this._box = {
      x: box.x + box.width * at.x * (1 - factor),
      y: box.y + box.height * at.y * (1 - factor),
      width: box.width * factor,
      height: box.height * factor,
    };
    this._fitted = false;
    this._apply();
  }

  /**
   * @param {number} dx Pixels.
   * @param {number} dy
   */
  move(dx, dy) {
    const scale = this._box.width / Math.max(this._stage.clientWidth, 1);
    this._box.x += dx * scale;
    this._box.y += dy * scale;
    this._fitted = false;
    this._apply();
  }

  _apply() {
    const { x, y, width, height } = this._box;
    this._drawing?.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
  }

  /** @param {WheelEvent} event */
  _wheel(event) {
    event.preventDefault();
    if (!event.ctrlKey && !event.metaKey && Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      this.move(event.deltaX, 0);
      return;
    }
    const box = this._stage.getBoundingClientRect();
    this.zoom(Math.exp(event.deltaY / 400), {
      x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height,
    });
  }

  /** @param {PointerEvent} event */
  _press(event) {
    if (event.button !== 0) return;
    this.dragged = false;
    let last = { x: event.clientX, y: event.clientY };
    const begun = last;
    const follow = (/** @type {PointerEvent} */ moved) => {
      if (Math.hypot(moved.clientX - begun.x, moved.clientY - begun.y) > 4) this.dragged = true;
      if (this.dragged) this.move(last.x - moved.clientX, last.y - moved.clientY);
      last = { x: moved.clientX, y: moved.clientY };
    };
    const end = () => {
      removeEventListener("pointermove", follow);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
    };
    addEventListener("pointermove", follow);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  }

  destroy() {
    this._observer.disconnect();
  }
}
