/**
 * What several views share: the selected event, the theme, what is under the pointer.
 *
 * A store has one flat object. Who subscribes names the keys it cares about, and is called once
 * for all that changed in a task, in a microtask. No DOM in here.
 */

/**
 * @template {Record<string, any>} T
 */
export class Store {
  /** @param {T} initial */
  constructor(initial) {
    /** @type {T} */
    this._state = { ...initial };
    /** @type {Set<{ keys: (keyof T)[], call: (state: T, changed: Set<keyof T>) => void }>} */
    this._subscribers = new Set();
    /** @type {Set<keyof T>} */
    this._changed = new Set();
  }

  /**
   * @template {keyof T} K
   * @param {K} key
   * @returns {T[K]}
   */
  get(key) {
    return this._state[key];
  }

  /**
   * Change some keys. What is the same as before is no change.
   * @param {Partial<T>} values
   */
  set(values) {
    const quiet = this._changed.size === 0;
    for (const key of /** @type {(keyof T)[]} */ (Object.keys(values))) {
      if (Object.is(this._state[key], values[key])) continue;
      this._state[key] = /** @type {T[keyof T]} */ (values[key]);
      this._changed.add(key);
    }
    if (quiet && this._changed.size > 0) queueMicrotask(() => this.flush());
  }

  /** Tell subscribers now. */
  flush() {
    const changed = this._changed;
    this._changed = new Set();
    for (const one of [...this._subscribers]) {
      if (this._subscribers.has(one) && one.keys.some((key) => changed.has(key))) {
        one.call(this._state, changed);
      }
    }
  }

  /**
   * @param {(keyof T)[]} keys
   * @param {(state: T, changed: Set<keyof T>) => void} call
   * @returns {() => void} ends it
   */
  subscribe(keys, call) {
    const one = { keys, call };
    this._subscribers.add(one);
    return () => void this._subscribers.delete(one);
  }
}
