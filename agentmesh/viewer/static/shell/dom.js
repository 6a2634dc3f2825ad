/**
 * Making elements. Text from runs gets into the page here and nowhere else, and only as text:
 * nothing in the viewer ever parses a string as HTML.
 *
 * `h("p", { class: "muted", onclick: f }, "text", child)` makes an element; properties that begin
 * with `on` are listeners, `class`, `aria-*`, `role`, `data-*` and the like attributes, and all
 * others properties. `style` is refused by the page's policy: use classes, or `setVars`.
 */

import { pieces } from "../logic/text.js";

/** @typedef {Node | string | number | null | undefined | false | Child[]} Child */

const SVG = "http://www.w3.org/2000/svg";
const PROPERTIES = new Set([
  "value", "checked", "disabled", "hidden", "tabIndex", "htmlFor", "placeholder", "spellcheck",
  "selected", "open", "readOnly", "rows", "indeterminate",
]);

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any> | null} [properties]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) /** @type {any} */ (element)[name] = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false) element.setAttribute(name, String(value));
  }
  append(element, children);
  return element;
}

/**
 * Add children; numbers and strings as text.
 * @param {Node} parent
 * @param {Child[]} children
 */
export function append(parent, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(parent, child);
    else parent.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/**
 * Put new children in the place of all old ones.
 * @param {Element} parent
 * @param {...Child} children
 */
export function fill(parent, ...children) {
  parent.replaceChildren();
  append(parent, children);
}

/**
 * Text from a run, with control and bidirectional characters made visible. Every string that a
 * run has brought is shown through this.
 * @param {string} text
 * @returns {Node}
 */
export function told(text) {
  const found = pieces(text);
  if (found.length === 1 && !found[0].odd) return document.createTextNode(found[0].text);
  const all = document.createDocumentFragment();
  for (const piece of found) {
    all.appendChild(
      piece.odd
        ? h("span", { class: "odd-char", title: piece.name }, piece.text)
        : document.createTextNode(piece.text),
    );
  }
  return all;
}

/**
 * Set custom properties (`--x`), for what only a script can know: widths, positions.
 * @param {HTMLElement | SVGElement} element
 * @param {Record<string, string>} values
 */
export function setVars(element, values) {
  for (const [name, value] of Object.entries(values)) element.style.setProperty(name, value);
}

/**
 * An SVG element, with attributes.
 * @param {string} tag
 * @param {Record<string, string | number>} [attributes]
 * @param {...Node} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    element.setAttribute(name, String(value));
  }
  element.append(...children);
  return /** @type {SVGElement} */ (element);
}

/** Outlines of the icons, in a box of 16 by 16. */
const ICONS = {
  back: "M10 3 5 8l5 5",
  forward: "m6 3 5 5-5 5",
  up: "m3 10 5-5 5 5",
  down: "m3 6 5 5 5-5",
  close: "m4 4 8 8m0-8-8 8",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10Zm7 2-3.4-3.4",
  sun: "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6ZM8 1v1.2M8 13.8V15M1 8h1.2M13.8 8H15M3 3l.9.9M12.1 12.1l.9.9M13 3l-.9.9M3.9 12.1 3 13",
  moon: "M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7Z",
  system: "M2 3h12v8H2zM6 14h4",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  link: "M6.5 9.5a2.8 2.8 0 0 0 4 0l2.3-2.3a2.8 2.8 0 0 0-4-4l-.6.6M9.5 6.5a2.8 2.8 0 0 0-4 0L3.2 8.8a2.8 2.8 0 0 0 4 4l.6-.6",
  fit: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  play: "M4.5 2.5v11l9-5.5z",
  fork: "M4 5.5v5M4 5.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3Zm0 8a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3Zm8-8a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3Zm0 0c0 3-8 2-8 5",
  help: "M6 6a2 2 0 1 1 2.8 1.8c-.5.3-.8.6-.8 1.3M8 11.6v.1M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Z",
  panel: "M2 3h12v10H2zM10 3v10",
  target: "M8 13A5 5 0 1 0 8 3a5 5 0 0 0 0 10ZM8 1v4M8 11v4M1 8h4M11 8h4",
};

/**
 * An icon; it says nothing to a screen reader, so what holds it needs a name.
 * @param {keyof typeof ICONS} name
 */
export function icon(name) {
  return svg(
    "svg",
    { class: "icon-svg", viewBox: "0 0 16 16", "aria-hidden": "true" },
    svg("path", { d: ICONS[name] }),
  );
}

/**
 * What a view shows when it has nothing else to show.
 * @param {string} title
 * @param {string} [text]
 * @param {{ kind?: "failed" | "busy", command?: string, actions?: Node[] }} [more]
 */
export function stateMessage(title, text, more = {}) {
  return h(
    "div",
    { class: `state ${more.kind ?? ""}`, role: more.kind === "failed" ? "alert" : "status" },
    h("h2", null, title),
    more.kind === "busy" && h("div", { class: "progress" }, h("i")),
    text && h("p", null, told(text)),
    more.command && h("pre", { tabIndex: 0 }, told(more.command)),
    more.actions && h("div", { class: "actions" }, more.actions),
  );
}

/**
 * A button.
 * @param {Child} label what it shows
 * @param {(event: MouseEvent) => void} onclick
 * @param {Record<string, any>} [properties] with `title` for one that shows only an icon
 */
export function button(label, onclick, properties = {}) {
  const { class: names = "", ...rest } = properties;
  if (rest.title && rest["aria-label"] === undefined && label instanceof SVGElement) {
    rest["aria-label"] = rest.title;
  }
  return h("button", { type: "button", class: `button ${names}`, onclick, ...rest }, label);
}

/**
 * Copy text to the clipboard, and say so on the button for a moment.
 * @param {() => string} text
 * @param {string} title what is copied
 */
export function copyButton(text, title) {
  const made = button(icon("copy"), () => void copy(), { class: "icon small plain", title });
  async function copy() {
    try {
      await navigator.clipboard.writeText(text());
      made.title = "Copied";
    } catch {
      made.title = "The browser refused the clipboard: select the text and copy it";
    }
    made.setAttribute("aria-label", made.title);
  }
  return made;
}
