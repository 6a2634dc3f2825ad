/** Things that came and go: messages in a mailbox, asks, effects and timers under way; what is new and what is gone is marked. */

import { h, told } from "../../shell/dom.js";
import { Tree } from "../tree.js";

/** @typedef {{kind: string, name: string, id: string, value: any}} Thing */

const SHOWN_MAX = 50;

export class Things {
  /** @param {string} title */
  constructor(title) {
    this._title = title;
    /** @type {Set<string>} */
    this._open = new Set();
    /** @type {Map<string, Tree>} */
    this._trees = new Map();
  }

  /**
   * @param {Map<string, Thing>} now
   * @param {Map<string, Thing>} [before] Nothing is marked without.
   * @returns {HTMLElement | null}
   */
  show(now, before) {
    const gone = before ? [...before].filter(([id]) => !now.has(id)) : [];
    if (!now.size && !gone.length) return null;
    const some = [...now].slice(0, SHOWN_MAX);
    return h(
      "div",
      { class: "card-part" },
      h("h3", null, this._title, " ", h("span", { class: "faint" }, now.size)),
      h("ul", { class: "things" },
        gone.slice(0, SHOWN_MAX).map(([, thing]) => h("li", { class: "thing is-removed" }, line(thing, "gone"))),
        some.map(([id, thing]) => this._thing(id, thing, Boolean(before && !before.has(id)))),
        now.size > some.length && h("li", { class: "faint" }, `and ${now.size - some.length} more`)),
    );
  }

  /**
   * @param {string} id
   * @param {Thing} thing
   * @param {boolean} fresh
   */
  _thing(id, thing, fresh) {
    const names = `thing ${fresh ? "is-added" : ""}`;
    if (thing.value === undefined || thing.value === null) return h("li", { class: names }, line(thing, fresh ? "new" : ""));
    const details = h("details", { open: this._open.has(id) }, h("summary", null, line(thing, fresh ? "new" : "")));
    const fillIn = () => {
      if (!details.open || details.childElementCount > 1) return;
      const tree = this._trees.get(id) ?? new Tree(`${thing.kind} ${thing.name}`, { open: 2 });
      this._trees.set(id, tree);
      tree.show(thing.value);
      details.append(tree.element);
    };
    details.addEventListener("toggle", () => {
      if (details.open) this._open.add(id);
      else this._open.delete(id);
      fillIn();
    });
    fillIn();
    return h("li", { class: names }, details);
  }
}

/**
 * @param {Thing} thing
 * @param {string} mark
 */
function line(thing, mark) {
  return [
    h("span", { class: "badge" }, told(thing.kind)), " ",
    h("span", { class: "mono" }, told(thing.name)), " ",
    h("span", { class: "faint" }, told(thing.id)),
    mark && h("span", { class: "hidden-text" }, `, ${mark}`),
  ];
}
