/** Pointer and wheel over the lanes: panning, zooming, marking a stretch, pointing at a bar. */

const DRAG_FROM = 4;
const WHEEL = 0.0022;

/**
 * @typedef {object} Hands
 * @property {import("../../logic/viewport.js").Viewport} viewport
 * @property {() => void} onMove The viewport has changed.
 * @property {(x: number, y: number, event: PointerEvent | null) => void} onPoint -1, -1 when it has left.
 * @property {(x: number, y: number) => void} onClick
 * @property {(x: number, y: number) => void} onDouble
 * @property {(from: number, to: number, done: boolean) => void} onRange In places.
 * @property {(by: number) => void} onScroll
 */

/**
 * @param {HTMLElement} surface
 * @param {Hands} hands
 */
export function attachGestures(surface, hands) {
  const { viewport } = hands;
  const place = (/** @type {number} */ x) => viewport.from + (x / surface.clientWidth) * viewport.span;

  surface.addEventListener("wheel", (event) => {
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
    const unit = event.deltaMode === 1 ? 16 : 1;
    if (event.ctrlKey || event.metaKey) {
      viewport.zoom(Math.exp(event.deltaY * unit * WHEEL), place(event.offsetX));
    } else if (sideways) {
      viewport.pan(((event.deltaX || event.deltaY) * unit * viewport.span) / surface.clientWidth);
    } else return;
    event.preventDefault();
    hands.onMove();
  }, { passive: false });

  surface.addEventListener("pointerdown", (event) => {
    if (event.button > 1) return;
    const start = { x: event.offsetX, y: event.offsetY, from: viewport.from, to: viewport.to, at: place(event.offsetX) };
    const marks = event.shiftKey;
    let [moved, lastY] = [false, event.clientY];
    const move = (/** @type {PointerEvent} */ now) => {
      const by = now.offsetX - start.x;
      if (!moved && Math.hypot(by, now.offsetY - start.y) < DRAG_FROM) return;
      if (!moved) {
        // Only now: a captured pointer would make a click of the surface, whatever was under it.
        surface.setPointerCapture(now.pointerId);
        surface.classList.add("dragged");
      }
      moved = true;
      if (marks) {
        hands.onRange(start.at, place(now.offsetX), false);
        return;
      }
      const shift = (by * (start.to - start.from)) / surface.clientWidth;
      viewport.show(start.from - shift, start.to - shift);
      hands.onScroll(lastY - now.clientY);
      lastY = now.clientY;
      hands.onMove();
    };
    const up = (/** @type {PointerEvent} */ now) => {
      surface.removeEventListener("pointermove", move);
      surface.removeEventListener("pointerup", up);
      surface.removeEventListener("pointercancel", up);
      surface.classList.remove("dragged");
      if (!moved) hands.onClick(start.x, start.y);
      else if (marks) hands.onRange(start.at, place(now.offsetX), true);
    };
    surface.addEventListener("pointermove", move);
    surface.addEventListener("pointerup", up);
    surface.addEventListener("pointercancel", up);
  });
  surface.addEventListener("pointermove", (event) => hands.onPoint(event.offsetX, event.offsetY, event));
  surface.addEventListener("pointerleave", () => hands.onPoint(-1, -1, null));
  surface.addEventListener("dblclick", (event) => hands.onDouble(event.offsetX, event.offsetY));
}
