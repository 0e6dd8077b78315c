/** The answers to the rows of a file: counts, score, a table of the first rows, and a download of all. */

import { element, part, partOf, swatch } from "../draw/element.js";
import { alike, count, percent, probabilityText, short } from "../draw/number_text.js";
import { table } from "../draw/table.js";
import { numbersOf } from "../model/card.js";
import { formatCsv, resultColumns } from "../model/results.js";

/**
 * @import { AnyPrediction, Card, Output, Score, Table } from "../data/answers.js"
 * @import { Instance } from "../model/instance.js"
 */

const ROWS_SHOWN = 100;
const CLASSES_SHOWN = 12;

export class ResultsView {
  #card;
  #outputs;
  #instance;

  /** @param {Card} card @param {Output[]} outputs @param {Instance} instance */
  constructor(card, outputs, instance) {
    this.#card = card;
    this.#outputs = outputs;
    this.#instance = instance;
  }

  /** @param {Table} read @param {AnyPrediction[]} answers @param {string} file */
  show(read, answers, file) {
    part("batch-counts").replaceChildren(...this.#counts(answers).map((each) => element("li", {}, ...each)));
    part("batch-score").textContent = read.score ? textOf(read.score) : "";
    this.#offer(read, answers, file);
    this.#list(read, answers);
    part("batch-results").hidden = false;
  }

  /** Rows by class, those of many classes by number, and rows to doubt. @param {AnyPrediction[]} answers */
  #counts(answers) {
    const { classes } = this.#card;
    const counts = classes.map((name, index) => ({
      name,
      index,
      rows: answers.filter((answer) => answer.class === name).length,
    }));
    if (classes.length > CLASSES_SHOWN) counts.sort((a, b) => b.rows - a.rows);
    const rest = classes.length - CLASSES_SHOWN;
    const far = answers.filter((answer) => answer.novelty?.out_of_distribution).length;
    const warned = answers.filter((answer) => answer.warnings?.length).length;
    return [
      ...counts.slice(0, CLASSES_SHOWN).map(({ name, index, rows }) => [swatch(index), `${name}: ${rows}`]),
      ...(rest > 0 ? [[`${rest} other classes: ${sum(counts.slice(CLASSES_SHOWN).map(({ rows }) => rows))}`]] : []),
      [`outside the training range: ${warned}`],
      ...(far ? [[`out of distribution: ${far}`]] : []),
    ];
  }

  /** @param {Table} read @param {AnyPrediction[]} answers */
  #list(read, answers) {
    const { classes, target, output } = this.#card;
    const header = headerOf(read);
    const value = target ?? output?.name ?? "";
    const interval = this.#outputs.some(({ name }) => name === "interval") ? ["Interval"] : [];
    const names = classes.length
      ? ["Class", "Probability"]
      : [header.includes(value) ? `predicted ${value}` : value, ...interval];
    const first = answers.slice(0, ROWS_SHOWN);
    const numbers = first.map((answer) => this.#numbers(answer));
    const rounded = alike(numbers.flat());
    const shown = first.map((answer, index) => [
      this.#loader(read, index),
      ...cellsFor(answer, rounded.splice(0, numbers[index].length)).slice(0, names.length),
      ...cellsOf(read, index),
      (answer.warnings ?? []).map((warning) => warning.feature).join(", "),
    ]);
    const found = table(["Row", ...names, ...header, "Outside"], shown, names.length);
    const rest = answers.length - shown.length;
    const note = rest > 0 ? [element("p", { class: "note" }, `${count(rest, "more row")}; the download has all.`)] : [];
    part("batch-table").replaceChildren(found, ...note);
  }

  /** The value and the ends of its interval; none of a class. @param {AnyPrediction} answer */
  #numbers({ class: name, outputs }) {
    const [first] = (name === undefined && numbersOf(this.#outputs, outputs)) || [];
    return first ? [first.value, ...(first.interval ?? [])] : [];
  }

  /** A button that sets the sliders to a row. @param {Table} read @param {number} index */
  #loader({ rows, columns }, index) {
    const title = "Put this row on the sliders";
    const button = element("button", { type: "button", title }, String(rows[index]));
    const instance = Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[index]]));
    button.addEventListener("click", () => this.#instance.take(instance));
    return button;
  }

  /** @param {Table} read @param {AnyPrediction[]} answers @param {string} file */
  #offer(read, answers, file) {
    const header = [...Object.keys(read.columns).map((name) => read.header[name] ?? name), ...Object.keys(read.others)];
    const columns = resultColumns(this.#card, this.#outputs, header, answers[0].novelty !== undefined);
    const lines = answers.map((answer, index) => [
      ...valuesOf(read, index),
      ...columns.map(({ of }) => of(answer)),
      (answer.warnings ?? []).map(({ feature, detail }) => `${feature}: ${detail}`).join("; "),
    ]);
    const text = formatCsv(
      [[...header, ...columns.map(({ name }) => name), "warnings"], ...lines],
      read.separator,
      read.decimal_mark,
    );
    const link = partOf(HTMLAnchorElement, "batch-download");
    URL.revokeObjectURL(link.href);
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = file.replace(/(\.[ct]sv)?$/i, `-predicted.${read.separator === "\t" ? "tsv" : "csv"}`);
  }
}

/** @param {AnyPrediction} answer @param {string[]} numbers  The value and its interval. */
function cellsFor({ class: name, index = -1, probabilities }, [value = "", ...interval]) {
  if (name === undefined) return [value, interval.join(" to ")];
  return [element("span", {}, swatch(index), ` ${name}`), probabilityText(probabilities?.[name] ?? NaN)];
}

/** The columns of the features, and then the others. @param {Table} read */
function headerOf({ columns, others }) {
  return [...Object.keys(columns), ...Object.keys(others)];
}

/** @param {Table} read @param {number} index */
function cellsOf(read, index) {
  return valuesOf(read, index).map((value) => String(value ?? ""));
}

/** @param {Table} read @param {number} index */
function valuesOf({ columns, others }, index) {
  return [...Object.values(columns), ...Object.values(others)].map((values) => values[index]);
}

/** @param {Score} score */
function textOf({ column, rows, accuracy, right, r2, mae, note }) {
  const more = note ? ` Note: ${note}.` : "";
  if (accuracy !== null) {
    return `Accuracy ${percent(accuracy)}: ${right} of ${count(rows, "row")} have the class that the column ${column} says.${more}`;
  }
  const share = r2 === null ? "" : `R2 ${short(r2, 4)}, `;
  return `${share}mean absolute error ${short(mae ?? NaN, 4)}: ${count(rows, "row")} with a value in the column ${column}.${more}`;
}

/** @param {number[]} numbers */
function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
