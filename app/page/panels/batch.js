/** Many rows at once: a CSV file in, a table of results out. */

import { formatCsv, parseCsv } from "../data/csv.js";
import { readTable } from "../data/dataset.js";
import { element, part, partOf, swatch } from "../draw/element.js";
import { percent } from "../draw/number_text.js";
import { table } from "../draw/table.js";

/**
 * @import { Card, Prediction } from "../data/answers.js"
 * @import { Api, Input } from "../data/api.js"
 * @import { Dataset, Labels } from "../data/dataset.js"
 * @import { Instance } from "../model/instance.js"
 * @import { Details } from "./details.js"
 * @import { Row } from "../data/csv.js"
 */

const ROWS_AT_A_TIME = 5000;
const ROWS_SHOWN = 100;

export class Batch {
  #chooser = partOf(HTMLInputElement, "batch-file");
  #card;
  #instance;
  #details;
  #api;
  /** @type {object | null} */
  #opened = null;
  /** @type {File | null} */
  file = null;

  /** @param {Card} card @param {Instance} instance @param {Details} details @param {Api} api */
  constructor(card, instance, details, api) {
    this.#card = card;
    this.#instance = instance;
    this.#details = details;
    this.#api = api;
    const names = card.features.map((feature) => feature.name).join(", ");
    part("batch-columns").textContent =
      `With a header and a column for each feature: ${names}. Other columns are kept; if one holds the classes, the accuracy is shown.`;
    this.#chooser.addEventListener("change", () => this.open(this.#chooser.files?.[0] ?? null));
    const drop = part("drop");
    const over = (/** @type {Event} */ event) => {
      event.preventDefault();
      drop.classList.toggle("over", event.type === "dragover");
    };
    for (const type of ["dragover", "dragleave", "drop"]) drop.addEventListener(type, over);
    drop.addEventListener("drop", (event) => this.open(event.dataTransfer?.files[0] ?? null));
    details.addEventListener("change", () => this.open(this.file));
  }

  /** Predict each row of a file. @param {File | null} file */
  async open(file) {
    if (!file) return;
    const opened = {};
    this.#opened = opened;
    this.file = file;
    part("batch-results").hidden = true;
    this.#say(`Reading ${file.name} …`);
    try {
      const read = readTable(parseCsv(await file.text()), this.#card);
      const answers = await this.#ask(read.instances, file.name, () => this.#opened === opened);
      if (this.#opened !== opened) return;
      this.#say(`${file.name}: ${count(answers.length, "row")}`);
      this.#show(read, answers);
    } catch (error) {
      if (this.#opened === opened) this.#say(`${file.name}: ${/** @type {Error} */ (error).message}`, true);
    }
    // So that the same file can be chosen again after a correction.
    this.#chooser.value = "";
  }

  /** @param {Input[]} instances @param {string} name @param {() => boolean} wanted */
  async #ask(instances, name, wanted) {
    const { query } = this.#details;
    /** @type {Prediction[]} */
    const answers = [];
    while (answers.length < instances.length && wanted()) {
      const rows = instances.slice(answers.length, answers.length + ROWS_AT_A_TIME);
      answers.push(...(await this.#api.predictMany(rows, query)));
      if (wanted()) this.#say(`${name}: ${answers.length} of ${instances.length} rows`);
    }
    return answers;
  }

  /** @param {string} text */
  #say(text, refused = false) {
    part("batch-status").textContent = text;
    part("batch-status").classList.toggle("refused", refused);
  }

  /** @param {Dataset} dataset @param {Prediction[]} answers */
  #show({ header, rows, instances, labels }, answers) {
    const { classes } = this.#card;
    const counts = classes.map((name) => answers.filter((answer) => answer.class === name).length);
    const far = answers.filter((answer) => answer.novelty?.out_of_distribution).length;
    const warned = answers.filter((answer) => answer.warnings.length).length;
    part("batch-counts").replaceChildren(
      ...classes.map((name, index) => element("li", {}, swatch(index), `${name} ${counts[index]}`)),
      element("li", {}, `outside the training range ${warned}`),
      ...(far ? [element("li", {}, `out of distribution ${far}`)] : []),
    );
    part("batch-accuracy").textContent = labels ? accuracy(labels, answers) : "";
    this.#offer(header, rows, answers);
    const shown = answers
      .slice(0, ROWS_SHOWN)
      .map((answer, index) => [
        this.#loader(rows[index].row, instances[index]),
        element("span", {}, swatch(answer.index), ` ${answer.class}`),
        percent(answer.probabilities[answer.class]),
        ...rows[index].cells,
        answer.warnings.map((warning) => warning.feature).join(", "),
      ]);
    const found = table(["Row", "Class", "Probability", ...header, "Outside"], shown, 2);
    const rest = answers.length - shown.length;
    const note = rest > 0 ? [element("p", { class: "note" }, `${count(rest, "more row")}; the download has all.`)] : [];
    part("batch-table").replaceChildren(found, ...note);
    part("batch-results").hidden = false;
  }

  /** A button that sets the sliders to a row. @param {number} row @param {Input} instance */
  #loader(row, instance) {
    const button = element("button", { type: "button", title: "Put this row on the sliders" }, String(row));
    button.addEventListener("click", () =>
      this.#instance.replace(this.#card.features.map(({ name }) => instance[name])),
    );
    return button;
  }

  /** @param {string[]} header @param {Row[]} rows @param {Prediction[]} answers */
  #offer(header, rows, answers) {
    const { classes } = this.#card;
    const novel = answers[0].novelty !== undefined;
    // A column "class" of the file keeps its name.
    const added = [
      header.includes("class") ? "predicted class" : "class",
      ...classes.map((name) => `probability of ${name}`),
      ...(novel ? ["distance", "out of distribution"] : []),
      "warnings",
    ];
    const lines = answers.map((answer, index) => [
      ...rows[index].cells,
      answer.class,
      ...classes.map((name) => answer.probabilities[name]),
      ...(answer.novelty ? [answer.novelty.distance, answer.novelty.out_of_distribution] : []),
      answer.warnings.map(({ feature, detail }) => `${feature}: ${detail}`).join("; "),
    ]);
    const link = partOf(HTMLAnchorElement, "batch-download");
    URL.revokeObjectURL(link.href);
    link.href = URL.createObjectURL(new Blob([formatCsv([[...header, ...added], ...lines])], { type: "text/csv" }));
    link.download = (this.file?.name ?? "").replace(/(\.csv)?$/i, "-predicted.csv");
  }
}

/** @param {Labels} labels @param {Prediction[]} answers */
function accuracy({ column, values }, answers) {
  const right = answers.filter((answer, index) => answer.class === values[index]).length;
  return `Accuracy ${percent(right / values.length)}: ${right} of ${count(values.length, "row")} have the class that the column ${column} says.`;
}

/** @param {number} number @param {string} noun */
function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}
