/**
 * The keyboard: who is there binds keys, one of the shell's listeners asks them in turn, and the
 * help lists what is bound just now. Keys go to whoever bound last, so that a view comes before
 * the shell, and a dialog before its view.
 *
 * A binding's `keys` are names as `KeyboardEvent.key` has them, with `mod+` (Ctrl, or ⌘) and
 * `shift+` in front; `g t` is one after the other. Single letters are left alone while somebody
 * types.
 */

/**
 * @typedef {object} Binding
 * @property {string} keys One or several, separated by `, `; the help shows them all.
 * @property {string} label What it does, for the help.
 * @property {(event: KeyboardEvent) => void | false} run `false` lets the key go on.
 * @property {string} [group] Heading in the help.
 * @property {boolean} [typing] Also while somebody types.
 */

const CHORD_MS = 900;

export class Keys {
  constructor() {
    /** @type {Binding[][]} */
    this._scopes = [];
    this._first = "";
    this._since = 0;
  }

  /**
   * Bind keys until the returned function is called.
   * @param {Binding[]} bindings
   * @returns {() => void}
   */
  bind(bindings) {
    this._scopes.push(bindings);
    return () => {
      const at = this._scopes.indexOf(bindings);
      if (at >= 0) this._scopes.splice(at, 1);
    };
  }

  /** All that is bound now, the shell's first. */
  get bindings() {
    return this._scopes.flat();
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {boolean} whether somebody took it
   */
  handle(event) {
    if (event.defaultPrevented || event.isComposing) return false;
    const name = nameOf(event);
    const typing = isTyping(event.target);
    const chord =
      this._first && event.timeStamp - this._since < CHORD_MS ? `${this._first} ${name}` : "";
    this._first = "";
    for (const wanted of chord ? [chord, name] : [name]) {
      if (this._run(wanted, typing, event)) return true;
    }
    if (!typing && this._begins(name)) {
      this._first = name;
      this._since = event.timeStamp;
    }
    return false;
  }

  /**
   * @param {string} name
   * @param {boolean} typing
   * @param {KeyboardEvent} event
   */
  _run(name, typing, event) {
    for (const scope of [...this._scopes].reverse()) {
      for (const binding of scope) {
        if (typing && !binding.typing) continue;
        if (!binding.keys.split(", ").includes(name)) continue;
        if (binding.run(event) === false) continue;
        event.preventDefault();
        return true;
      }
    }
    return false;
  }

  /** @param {string} name */
  _begins(name) {
    return this.bindings.some((each) =>
      each.keys.split(", ").some((keys) => keys.startsWith(`${name} `)),
    );
  }
}

/**
 * @param {{ key: string, ctrlKey: boolean, metaKey: boolean, shiftKey: boolean, altKey: boolean }} event
 * @returns {string} as bindings name it
 */
export function nameOf(event) {
  const key = event.key === " " ? "Space" : event.key;
  const letter = key.length === 1;
  const shift = event.shiftKey && (!letter || event.ctrlKey || event.metaKey) ? "shift+" : "";
  const alt = event.altKey ? "alt+" : "";
  const mod = event.ctrlKey || event.metaKey ? "mod+" : "";
  return `${mod}${alt}${shift}${letter && mod ? key.toLowerCase() : key}`;
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement) return true;
  if (target instanceof HTMLSelectElement) return true;
  const quiet = ["checkbox", "radio", "range", "button"];
  return target instanceof HTMLInputElement && !quiet.includes(target.type);
}
