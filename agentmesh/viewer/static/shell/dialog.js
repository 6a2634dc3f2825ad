/** Dialogs: the browser's own, which keep the focus and are closed by Escape. */

import { button, fill, h, icon } from "./dom.js";

/**
 * Open a dialog; closing it removes it.
 * @param {string} title
 * @param {(HTMLElement | null)[]} content
 * @param {string} [names] more classes
 * @returns {HTMLDialogElement}
 */
export function openDialog(title, content, names = "") {
  const close = button(icon("close"), () => dialog.close(), {
    class: "icon plain small",
    title: "Close",
  });
  const dialog = h(
    "dialog",
    { class: `dialog ${names}`, "aria-label": title },
    h("header", null, h("h2", null, title), close),
    h("div", { class: "dialog-body" }, ...content),
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * The list of all keys.
 * @param {import("./keys.js").Binding[]} bindings
 */
export function openHelp(bindings) {
  /** @type {Map<string, HTMLElement[]>} */
  const groups = new Map();
  for (const each of bindings) {
    const rows = groups.get(each.group ?? "Everywhere") ?? [];
    const keys = each.keys.split(", ").map((one, at) => [at > 0 && h("span", { class: "faint" }, "or"), keyNames(one)]);
    rows.push(h("dt", null, keys), h("dd", null, each.label));
    groups.set(each.group ?? "Everywhere", rows);
  }
  const columns = h("div", { class: "help-columns" });
  fill(
    columns,
    [...groups].map(([title, rows]) => h("section", null, h("h3", null, title), h("dl", null, rows))),
  );
  openDialog("Keyboard", [columns], "help");
}

/** @type {Record<string, string>} */
const SHOWN = {
  ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc", mod: "Ctrl",
  shift: "Shift", alt: "Alt", Enter: "↵", PageUp: "PgUp", PageDown: "PgDn",
};

/** @param {string} keys @returns {HTMLElement} */
function keyNames(keys) {
  const parts = keys.split(" ").flatMap((chord) => chord.split(/\+(?=.)/));
  return h("span", { class: "keys" }, parts.map((each) => h("kbd", null, SHOWN[each] ?? each)));
}
