/** Rows of texts and numbers as an HTML table. */

import { element } from "../element.js";

/** A table; columns from `numbers` on are aligned as numbers. */
export function table(header, rows, numbers) {
  const cell = (tag, column, content, scope) =>
    element(tag, { class: column >= numbers && "number", scope }, content);
  return element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...header.map((name, column) => cell("th", column, name, "col")))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((content, column) => cell("td", column, content))))),
  );
}
