/** A list of very many rows of one height, of which only those in sight are in the page. */

import { h, setVars } from "../shell/dom.js";

const MORE = 8;

export class VirtualRows {
  /**
   * @param {{name: string, height: number, draw: (row: number) => HTMLElement, columns?: string[]}} options
   *   `draw`: makes a row's element, with `role="row"`.
   */
  constructor({ name, height, draw }) {
    this._height = height;
    this._draw = draw;
    this._count = 0;
    /** @type {Map<number, HTMLElement>} */
    this._drawn = new Map();
    this._space = h("div", { class: "virtual-space", role: "rowgroup" });
    this.element = h("div", {
      class: "virtual-rows", role: "grid", tabIndex: 0, "aria-label": name, onscroll: () => this._refresh(),
    }, this._space);
    this._observer = new ResizeObserver(() => this._refresh());
    this._observer.observe(this.element);
  }

  /**
   * Show other rows.
   * @param {number} count
   */
  show(count) {
    this._count = count;
    this.element.setAttribute("aria-rowcount", String(count));
    setVars(this._space, { "--height": `${count * this._height}px` });
    this._space.replaceChildren();
    this._drawn.clear();
    this._refresh();
  }

  /** Draw all rows in sight anew. */
  redraw() {
    this.show(this._count);
  }

  /** @param {number} row */
  reveal(row) {
    const { scrollTop, clientHeight } = this.element;
    const y = row * this._height;
    if (y < scrollTop || y > scrollTop + clientHeight - this._height) {
      this.element.scrollTop = y - clientHeight / 3;
    }
    this._refresh();
  }

  _refresh() {
    const { scrollTop, clientHeight } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / this._height) - MORE);
    const last = Math.min(this._count, Math.ceil((scrollTop + clientHeight) / this._height) + MORE);
    for (const [row, element] of this._drawn) {
      if (row >= first && row < last) continue;
      element.remove();
      this._drawn.delete(row);
    }
    for (let row = first; row < last; row++) {
      if (this._drawn.has(row)) continue;
      const element = this._draw(row);
      element.setAttribute("aria-rowindex", String(row + 1));
      setVars(element, { "--y": `${row * this._height}px` });
      this._drawn.set(row, element);
      this._space.append(element);
    }
  }

  destroy() {
    this._observer.disconnect();
  }
}
