/** The bar between a view and the event panel: dragged, or moved by arrow keys. */

import { h, setVars } from "./dom.js";

const KEY = "agentmesh.panel";
const MIN = 280;
const STEP = 24;

/**
 * @param {HTMLElement} view left of it
 * @param {HTMLElement} panel right of it
 */
export function makeSplitter(view, panel) {
  const bar = h("div", {
    class: "splitter", role: "separator", tabIndex: 0, "aria-orientation": "vertical",
    "aria-label": "Width of the event panel", "aria-valuemin": MIN,
  });
  let width = Number(read()) || Math.round(Math.min(560, Math.max(400, innerWidth * 0.26)));

  /** @param {number} wanted */
  const resize = (wanted) => {
    width = Math.round(Math.max(MIN, Math.min(wanted, innerWidth * 0.7)));
    setVars(document.documentElement, { "--panel-width": `${width}px` });
    bar.setAttribute("aria-valuenow", String(width));
    bar.setAttribute("aria-valuemax", String(Math.round(innerWidth * 0.7)));
  };
  bar.addEventListener("pointerdown", (event) => {
    bar.setPointerCapture(event.pointerId);
    bar.classList.add("dragged");
  });
  bar.addEventListener("pointermove", (event) => {
    if (bar.hasPointerCapture(event.pointerId)) resize(innerWidth - event.clientX);
  });
  bar.addEventListener("pointerup", () => {
    bar.classList.remove("dragged");
    keep(width);
  });
  bar.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    resize(width + (event.key === "ArrowLeft" ? STEP : -STEP));
    keep(width);
  });
  resize(width);
  view.id = "main";
  panel.id = "panel";
  bar.setAttribute("aria-controls", "panel");
  return bar;
}

/** @param {number} width */
function keep(width) {
  try {
    localStorage.setItem(KEY, String(width));
  } catch {
    // A browser that keeps nothing: it holds as long as the page.
  }
}

function read() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
