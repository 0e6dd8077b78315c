/** Many rows at once: a CSV file, or cells of a spreadsheet, in; a table of results out. */

import { Problem } from "../data/api.js";
import { element, part, partOf } from "../draw/element.js";
import { count } from "../draw/number_text.js";
import { leading } from "../model/card.js";
import { ResultsView } from "./results.js";

/**
 * @import { Card, Output } from "../data/answers.js"
 * @import { Api } from "../data/api.js"
 * @import { Instance } from "../model/instance.js"
 * @import { Details } from "./details.js"
 */

const NAMES_SHOWN = 12;
const NOTES_SHOWN = 12;

export class Batch {
  #chooser = partOf(HTMLInputElement, "batch-file");
  #card;
  #details;
  #api;
  #results;
  /** @type {object | null} */
  #opened = null;
  /** @type {File | null} */
  file = null;

  /** @param {Card} card @param {Output[]} outputs @param {Instance} instance @param {Details} details @param {Api} api */
  constructor(card, outputs, instance, details, api) {
    this.#card = card;
    this.#details = details;
    this.#api = api;
    this.#results = new ResultsView(card, outputs, instance);
    const names = card.features.map((feature) => feature.name);
    const rest = names.length - NAMES_SHOWN;
    const shown = `${names.slice(0, NAMES_SHOWN).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
    // The values of a model without classes are compared only with a target that the card names.
    const scored = card.target || card.classes.length ? "; if the target is one of them, the answers are scored" : "";
    part("batch-columns").textContent =
      `With a header and a column for each feature: ${shown}. Other columns are kept${scored}.`;
    this.#chooser.addEventListener("change", () => this.open(this.#chooser.files?.[0] ?? null));
    this.#takeDropped();
    details.addEventListener("change", () => this.open(this.file));
  }

  #takeDropped() {
    const drop = part("drop");
    const over = (/** @type {Event} */ event) => {
      event.preventDefault();
      drop.classList.toggle("over", event.type === "dragover");
    };
    for (const type of ["dragover", "dragleave", "drop"]) drop.addEventListener(type, over);
    drop.addEventListener("drop", (event) => this.open(event.dataTransfer?.files[0] ?? null));
    drop.addEventListener("paste", (event) => {
      const [file] = event.clipboardData?.files ?? [];
      const text = event.clipboardData?.getData("text/plain") ?? "";
      event.preventDefault();
      if (file || text) this.open(file ?? new File([text], "pasted cells.csv", { type: "text/csv" }));
    });
  }

  /** Predict each row of a file. @param {File | null} file */
  async open(file) {
    if (!file) return;
    const opened = {};
    this.#opened = opened;
    this.file = file;
    part("batch-results").hidden = true;
    for (const id of ["batch-bad", "batch-notes"]) part(id).replaceChildren();
    this.#say(`Predicting the rows of ${file.name} …`);
    try {
      const { predictions, table } = await this.#api.predictTable(file, this.#details.query);
      if (this.#opened !== opened) return;
      const left = table.left_out ? `, and ${count(table.left_out, "row")} left out` : "";
      this.#say(`${file.name}: ${count(predictions.length, "row")}${left}`);
      list("batch-bad", table.bad, table.left_out - table.bad.length, "row");
      list("batch-notes", table.notes.slice(0, NOTES_SHOWN), table.notes.length - NOTES_SHOWN, "note");
      const answers = predictions.map((each) => leading(this.#card, each));
      this.#results.show(table, answers, file.name);
    } catch (error) {
      if (this.#opened !== opened) return;
      const message = /** @type {Error} */ (error).message.replace(/^the body: /, "");
      this.#say(`${file.name}: ${message}`, true);
      const faults = error instanceof Problem ? error.faults : [];
      if (faults.length > 1) list("batch-bad", faults, 0, "row");
    }
    // So that the same file can be chosen again after a correction.
    this.#chooser.value = "";
  }

  /** @param {string} text */
  #say(text, refused = false) {
    part("batch-status").textContent = text;
    part("batch-status").classList.toggle("refused", refused);
  }
}

/** What was found, and how much more of it there is. @param {string} id @param {string[]} texts @param {number} rest @param {string} noun */
function list(id, texts, rest, noun) {
  const more = rest > 0 ? [`and ${count(rest, `more ${noun}`)}`] : [];
  part(id).replaceChildren(...[...texts, ...more].map((each) => element("li", {}, each)));
}
