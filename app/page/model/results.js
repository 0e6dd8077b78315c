/** The answers to many rows as columns of a table. */

import { isClass, numbersOf } from "./card.js";

/** @import { AnyPrediction, Card, Output } from "../data/answers.js" */
/** @typedef {{ name: string, of: (answer: AnyPrediction) => string | number | boolean }} Column */

/**
 * The columns of all answers: class and probabilities, or values with their interval.
 * @param {Card} card
 * @param {Output[]} outputs  Those of the signature.
 * @param {string[]} header  That of the file, whose columns keep their names.
 * @param {boolean} novel  Whether the answers have the distance.
 * @returns {Column[]}
 */
export function resultColumns({ classes, target, output }, outputs, header, novel) {
  const named = (/** @type {string} */ name) => (header.includes(name) ? `predicted ${name}` : name);
  if (!classes.length) {
    const first = (/** @type {AnyPrediction} */ answer) => numbersOf(outputs, answer.outputs) ?? [];
    const names = outputs.filter(({ name }) => name !== "interval").map(({ name }) => name);
    return [
      ...names.map((name, place) => ({
        name: named(names.length === 1 ? (target ?? name) : name),
        of: (/** @type {AnyPrediction} */ answer) => first(answer)[place]?.value ?? "",
      })),
      ...(outputs.some(({ name }) => name === "interval")
        ? [0, 1].map((end) => ({
            name: named(["interval_low", "interval_high"][end]),
            of: (/** @type {AnyPrediction} */ answer) => first(answer)[0]?.interval?.[end] ?? "",
          }))
        : []),
    ];
  }
  return [
    { name: named("class"), of: (answer) => answer.class ?? "" },
    ...classes.map((name) => ({
      name: `probability of ${name}`,
      of: (/** @type {AnyPrediction} */ answer) => answer.probabilities?.[name] ?? "",
    })),
    ...(novel
      ? [
          { name: "distance", of: (/** @type {AnyPrediction} */ answer) => answer.novelty?.distance ?? "" },
          {
            name: "out of distribution",
            of: (/** @type {AnyPrediction} */ answer) => answer.novelty?.out_of_distribution ?? "",
          },
        ]
      : []),
    // Beside a class, other outputs.
    ...outputs
      .filter(({ name }) => output && name !== output.name)
      .map(({ name }) => ({
        name: named(name),
        of: (/** @type {AnyPrediction} */ answer) => cellOf(answer.outputs?.[name]),
      })),
  ];
}

/** @param {unknown} value  Of an output. */
function cellOf(value) {
  if (isClass(value)) return value.class;
  return typeof value === "number" ? value : JSON.stringify(value ?? "");
}

/**
 * Rows of cells as CSV (RFC 4180), with the separator and the decimal mark of another file.
 * @param {unknown[][]} rows
 * @param {string | null} separator
 * @param {string | null} mark
 */
export function formatCsv(rows, separator = null, mark = null) {
  const between = separator ?? ",";
  const text = (/** @type {unknown} */ cell) =>
    typeof cell === "number" ? String(cell).replace(".", mark ?? ".") : String(cell ?? "");
  const special = ['"', "\r", "\n", between];
  const quote = (/** @type {string} */ cell) =>
    special.some((each) => cell.includes(each)) ? `"${cell.replaceAll('"', '""')}"` : cell;
  return rows.map((cells) => `${cells.map((cell) => quote(text(cell))).join(between)}\r\n`).join("");
}
