/** One tensor, or a slice of it: its values as a picture, its statistics, and what is unusual. */

import { RequestQueue } from "../../data/request_queue.js";
import { onScheme } from "../../draw/colours.js";
import { element, part } from "../../draw/element.js";
import { figures } from "../../draw/figures.js";
import { drawHistogram } from "../../draw/histogram.js";
import { digits } from "../../draw/number_text.js";
import { onWidth } from "../../draw/width.js";
import { analysis } from "./analysis.js";
import { download } from "./download.js";
import { drawPicture, loadPicture } from "./picture.js";
import { remarks } from "./remarks.js";

/**
 * @import { Card, Histogram, Model, Outlined, StateEntry } from "../../data/answers.js"
 * @import { Api } from "../../data/api.js"
 * @import { Loaded } from "./picture.js"
 */
/** @typedef {{ entry: Outlined, slice: string, kept: boolean }} Question */

const BINS = 20;

export class TensorView {
  #api;
  #model;
  #versions;
  #requests;
  /** @type {Question | null} */
  #shown = null;
  /** @type {(slice: string) => void} */
  #keep = () => {};
  /** The last question that had an answer. @type {Question | null} */
  #answered = null;
  /** @type {ReturnType<typeof drawPicture> | null} */
  #picture = null;
  /** @type {{ plot: Element, histogram: Histogram } | null} */
  #histogram = null;

  /** @param {Api} api @param {Model} model @param {string[]} versions */
  constructor(api, model, versions) {
    this.#api = api;
    this.#model = model;
    this.#versions = versions;
    this.#requests = new RequestQueue(
      ({ entry, slice }) => loadPicture(this.#api, entry, slice),
      (answer, question) => this.#show(answer, question),
      (error, question) => this.#refuse(error.message, question),
    );
    onScheme(() => this.#picture?.draw());
    onWidth(part("tensor"), () => this.#fit());
  }

  /** The name of the tensor; "" before the first is chosen. */
  get name() {
    return this.#shown?.entry.name ?? "";
  }

  /**
   * @param {Outlined} entry
   * @param {string} slice  "" is the whole tensor.
   * @param {(slice: string) => void} keep  Is called with each slice that is shown by the user's choice.
   * @param {boolean} kept  Whether this one is.
   */
  show(entry, slice, keep, kept) {
    this.#keep = keep;
    this.#want({ entry, slice, kept });
  }

  /** @param {Question} question */
  #want(question) {
    this.#shown = question;
    this.#requests.want(question);
  }

  /** Say why there is no such slice: the form and what was shown of the tensor stay. @param {string} message @param {Question} question */
  #refuse(message, question) {
    if (this.#shown !== question) return;
    if (this.#answered?.entry.name === question.entry.name) this.#shown = this.#answered;
    else {
      part("tensor").replaceChildren(this.#heading(question));
      this.#picture = this.#histogram = null;
    }
    const heading = part("tensor").querySelector(".heading");
    heading?.querySelector("[role=alert]")?.remove();
    heading?.querySelector("input")?.setAttribute("aria-invalid", "true");
    heading?.append(element("p", { class: "note outside", role: "alert" }, message));
  }

  /** The picture first: the statistics of a large tensor take longer. @param {Loaded} loaded @param {Question} question */
  #show(loaded, question) {
    // Another tensor may have been chosen meanwhile.
    if (this.#shown !== question) return;
    const { entry } = question;
    this.#answered = question;
    if (question.kept) this.#keep(question.slice);
    if (!entry.elements) {
      const note = element("p", { class: "note" }, "A side of 0: it has no elements.");
      this.#picture = this.#histogram = null;
      part("tensor").replaceChildren(this.#heading(question), note, this.#links(entry));
      return;
    }
    const zoom = (/** @type {string} */ chosen) => this.#want({ entry, slice: chosen, kept: true });
    const picture = drawPicture(/** @type {Card} */ (this.#model.card), loaded, zoom);
    const numbers = element("div", { class: "figures" }, element("p", { class: "note" }, "Reading all values …"));
    part("tensor").replaceChildren(this.#heading(question), picture.root, numbers);
    this.#picture = picture;
    this.#histogram = null;
    this.#fit();
    this.#describe(question, numbers);
  }

  /** @param {Question} question @param {HTMLElement} root */
  async #describe({ entry, slice }, root) {
    const more = { histogram: String(BINS), dead: "true", initialisation: "true", ...(slice && { slice }) };
    const demanded = [...analysis(this.#api, this.#model, this.#versions, entry), this.#links(entry)];
    let found;
    try {
      found = await this.#api.entry(entry.name, more);
    } catch (error) {
      root.replaceChildren(element("p", { role: "alert" }, /** @type {Error} */ (error).message), ...demanded);
      return;
    }
    if (!root.isConnected) return;
    const plot = element("div", { class: "histogram" });
    const { min, max } = found.statistics;
    const of = slice ? [element("p", { class: "note" }, "Of the whole tensor:")] : [];
    const tied = found.tied_to ? [element("p", {}, `Tied to ${found.tied_to}: both are one tensor.`)] : [];
    root.replaceChildren(...of, ...tied, statistics(found), ...remarks(found), plot, ...demanded);
    // Equal values have one bar, at bounds that are none of the tensor's.
    this.#histogram = min === max ? null : found.histogram && { plot, histogram: found.histogram };
    this.#drawHistogram();
  }

  /** The name, and a field for the slice. @param {Question} question */
  #heading({ entry, slice }) {
    const field = element("input", {
      type: "text",
      name: "slice",
      value: slice,
      placeholder: entry.shape.map(() => ":").join(",") || "a number",
      spellcheck: "false",
      autocomplete: "off",
    });
    const form = element(
      "form",
      { class: "controls" },
      element("label", {}, "Slice ", field),
      element("button", {}, "Show"),
      ...(slice ? [this.#whole(entry)] : []),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#want({ entry, slice: field.value.replace(/\s/g, ""), kept: true });
    });
    const text = `${entry.kind}, ${entry.shape.join(" × ") || "a number"}, ${entry.dtype}`;
    return element(
      "div",
      { class: "heading" },
      element("h3", {}, entry.name),
      element("p", { class: "note" }, text),
      ...(entry.shape.length ? [form] : []),
    );
  }

  /** @param {Outlined} entry */
  #whole(entry) {
    const button = element("button", { type: "button" }, "Whole tensor");
    button.addEventListener("click", () => this.#want({ entry, slice: "", kept: true }));
    return button;
  }

  #fit() {
    this.#picture?.fit(part("tensor").clientWidth);
    this.#drawHistogram();
  }

  #drawHistogram() {
    if (!this.#histogram || !this.#shown) return;
    const { plot, histogram } = this.#histogram;
    const { entry, slice } = this.#shown;
    drawHistogram(plot, `Histogram of ${entry.name}${slice && `[${slice}]`}, ${BINS} bins`, histogram);
  }

  /** @param {Outlined} entry */
  #links({ name }) {
    const formats = ["npy", "safetensors", "json"].map((format) =>
      download(this.#api, this.#api.tensorPath(name, format), `.${format}`),
    );
    return element("p", { class: "links" }, `Download ${name}`, ...formats);
  }
}

/** @param {StateEntry} entry */
function statistics({ dtype, sha256, statistics: { min, max, mean, std, norm, zeros, non_finite: odd } }) {
  const numbers = { minimum: min, maximum: max, mean, "standard deviation": std, norm };
  const texts = Object.entries(numbers).map(([name, value]) => [name, digits(value, dtype)]);
  const counts = { zeros: zeros.toLocaleString("en"), "not finite": odd.toLocaleString("en") };
  return figures({ ...Object.fromEntries(texts), ...counts, "SHA-256": `${sha256.slice(0, 12)}…` });
}
