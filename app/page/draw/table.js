/** Rows of texts and numbers as an HTML table. */

import { element } from "./element.js";

/** @import { Child } from "./element.js" */

/**
 * A table; columns from `numbers` on are aligned as numbers.
 * @param {string[]} header
 * @param {(Child | number)[][]} rows
 * @param {number} numbers
 */
export function table(header, rows, numbers) {
  /** @type {(tag: "td" | "th", column: number, content: Child | number, scope?: string) => Element} */
  const cell = (tag, column, content, scope) =>
    element(
      tag,
      { class: column >= numbers && "number", scope },
      typeof content === "number" ? String(content) : content,
    );
  return element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...header.map((name, column) => cell("th", column, name, "col")))),
    element(
      "tbody",
      {},
      ...rows.map((row) => element("tr", {}, ...row.map((content, column) => cell("td", column, content)))),
    ),
  );
}
