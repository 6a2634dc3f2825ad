/** The table's keys. */

/** @typedef {import("../messages.js").MessageTable} MessageTable */

/**
 * @param {MessageTable} table
 * @returns {import("../../shell/keys.js").Binding[]}
 */
export function tableKeys(table) {
  const group = "Table";
  const page = () => Math.max(1, Math.floor(table.scrolling.view / table.scrolling.rowHeight) - 1);
  const inTable = (/** @type {KeyboardEvent} */ event) => !(event.target instanceof HTMLButtonElement);
  const go = (/** @type {() => number} */ to) => (/** @type {KeyboardEvent} */ event) =>
    inTable(event) ? table.activate(to()) : false;
  return [
    { keys: "ArrowDown, j", label: "Next row", group, run: go(() => table.active + 1) },
    { keys: "ArrowUp, k", label: "Previous row", group, run: go(() => Math.max(0, table.active - 1)) },
    { keys: "PageDown", label: "A page down", group, run: go(() => table.active + page()) },
    { keys: "PageUp", label: "A page up", group, run: go(() => table.active - page()) },
    { keys: "Home", label: "First row", group, run: go(() => 0) },
    { keys: "End", label: "Last row", group, run: go(() => table.places.length - 1) },
    { keys: "/", label: "Filter", group, run: () => table.dom.field.select() },
    {
      keys: "Escape", label: "From the filter to the table", group, typing: true,
      run: (event) => {
        if (event.target !== table.dom.field) return false;
        return table.dom.grid.focus();
      },
    },
    {
      keys: "Enter, ArrowDown", label: "From the filter to its first row", group, typing: true,
      run: (event) => {
        if (event.target !== table.dom.field) return false;
        table.dom.grid.focus();
        return table.activate(Math.max(0, table.active));
      },
    },
    { keys: "t", label: "Show the row in the timeline", group, run: () => table.context.open("timeline") },
  ];
}
