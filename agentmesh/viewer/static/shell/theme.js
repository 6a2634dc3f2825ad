/** Light or dark: as the system has it, or as somebody chose; kept in this browser. */

/** @typedef {"system" | "light" | "dark"} Theme */

const KEY = "agentmesh.theme";
/** @type {Theme[]} */
const ORDER = ["system", "light", "dark"];
const system = matchMedia("(prefers-color-scheme: dark)");

/** @returns {Theme} what was chosen */
export function chosenTheme() {
  const kept = /** @type {Theme} */ (read());
  return ORDER.includes(kept) ? kept : "system";
}

/** @returns {"light" | "dark"} what is shown */
export function shownTheme() {
  const chosen = chosenTheme();
  if (chosen !== "system") return chosen;
  return system.matches ? "dark" : "light";
}

/**
 * Show the theme now, and whenever the system changes.
 * @param {() => void} onChange
 */
export function startTheme(onChange) {
  const apply = () => {
    document.documentElement.dataset.theme = shownTheme();
    onChange();
  };
  system.addEventListener("change", apply);
  apply();
}

/**
 * Choose the next one.
 * @returns {Theme}
 */
export function nextTheme() {
  const next = ORDER[(ORDER.indexOf(chosenTheme()) + 1) % ORDER.length] ?? "system";
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // A browser that keeps nothing: it holds as long as the page.
  }
  kept = next;
  document.documentElement.dataset.theme = shownTheme();
  return next;
}

/** @type {string | null} */
let kept = null;

function read() {
  if (kept !== null) return kept;
  try {
    return localStorage.getItem(KEY) ?? "system";
  } catch {
    return "system";
  }
}

/**
 * A token's value as it is now, for drawing on a canvas.
 * @param {string} name with its `--`
 */
export function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
