/** Rows of a CSV file as instances of a model. */

/**
 * @import { Card, Feature } from "./answers.js"
 * @import { Input } from "./api.js"
 * @import { Row } from "./csv.js"
 */
/** @typedef {{ column: string, values: string[] }} Labels */
/** @typedef {{ header: string[], rows: Row[], instances: Input[], labels: Labels | null }} Dataset */

/**
 * The rows below the header, which is the first row.
 *
 * A column's name may contain its unit, as in training: "petal length (cm)". If one other column
 * has only classes, these are the labels. Throws an Error that names row and column.
 * @param {Row[]} rows
 * @param {Pick<Card, "features" | "classes">} card
 * @returns {Dataset}
 */
export function readTable([head, ...rows], { features, classes }) {
  if (!head) throw new Error("the file is empty");
  const header = head.cells.map((cell) => cell.trim());
  const columns = features.map((feature) => findColumn(head.cells, feature));
  if (!rows.length) throw new Error("no rows below the header");
  const instances = rows.map(({ row, cells }) => {
    if (cells.length !== header.length) {
      throw new Error(`row ${row}: ${cells.length} cells for ${header.length} columns`);
    }
    return Object.fromEntries(
      features.map(({ name }, place) => [name, readNumber(cells[columns[place]], `row ${row}, column ${name}`)]),
    );
  });
  const others = header.map((_, column) => column).filter((column) => !columns.includes(column));
  return { header, rows, instances, labels: findLabels(header, rows, others, classes) };
}

/**
 * @param {string[]} header
 * @param {Row[]} rows
 * @param {number[]} others  The columns of no feature.
 * @param {string[]} classes
 */
function findLabels(header, rows, others, classes) {
  const known = new Set(classes);
  const read = (/** @type {string} */ cell) => (known.has(cell) ? cell : cell.trim());
  const values = (/** @type {number} */ column) => rows.map(({ cells }) => read(cells[column]));
  const found = others.filter((column) => values(column).every((value) => known.has(value)));
  return found.length === 1 ? { column: header[found[0]], values: values(found[0]) } : null;
}

/** @param {string[]} header @param {Feature} feature */
function findColumn(header, { name, unit }) {
  const accepted = unit ? [name, `${name} (${unit})`] : [name];
  // Spaces around a name are ignored, unless the feature's name has them, too.
  const matches = (/** @type {string} */ column) => accepted.includes(column) || accepted.includes(column.trim());
  const found = header.flatMap((column, place) => (matches(column) ? [place] : []));
  if (found.length > 1) throw new Error(`column ${name} stands twice`);
  if (!found.length) throw new Error(`no column ${name}; the columns are ${header.join(", ")}`);
  return found[0];
}

/** @param {string} cell @param {string} where */
function readNumber(cell, where) {
  const text = cell.trim();
  if (!text) throw new Error(`${where}: missing value`);
  // Number also reads 0x10, which is not a measured value.
  const number = /^[-+.\deE]+$/.test(text) ? Number(text) : NaN;
  if (!Number.isFinite(number)) throw new Error(`${where}: ${JSON.stringify(cell)} is not a finite number`);
  return number;
}
