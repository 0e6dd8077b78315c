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
/** @typedef {{ entry: Outlined, slice: string }} Question */

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
  /** @type {{ draw: () => void } | null} */
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
      (error) => part("tensor").replaceChildren(element("p", { role: "alert" }, error.message)),
    );
    onScheme(() => this.#picture?.draw());
    onWidth(part("tensor"), () => this.#drawHistogram());
  }

  /** The name of the tensor; "" before the first is chosen. */
  get name() {
    return this.#shown?.entry.name ?? "";
  }

  /**
   * @param {Outlined} entry
   * @param {string} slice  "" is the whole tensor.
   * @param {(slice: string) => void} keep  Is called with each slice that the user chooses.
   */
  show(entry, slice, keep) {
    this.#keep = keep;
    this.#want({ entry, slice });
  }

  /** @param {Question} question */
  #want(question) {
    if (this.#shown) this.#keep(question.slice);
    this.#shown = question;
    this.#requests.want(question);
  }

  /** The picture first: the statistics of a large tensor take longer. @param {Loaded} loaded @param {Question} question */
  #show(loaded, question) {
    // Another tensor may have been chosen meanwhile.
    if (this.#shown !== question) return;
    const { entry } = question;
    if (!entry.elements) {
      const note = element("p", { class: "note" }, "A side of 0: it has no elements.");
      this.#picture = null;
      this.#histogram = null;
      part("tensor").replaceChildren(this.#heading(question), note, this.#links(entry));
      return;
    }
    const zoom = (/** @type {string} */ chosen) => this.#want({ entry, slice: chosen });
    const picture = drawPicture(/** @type {Card} */ (this.#model.card), loaded, part("tensor").clientWidth, zoom);
    const numbers = element("div", { class: "figures" }, element("p", { class: "note" }, "Reading all values …"));
    part("tensor").replaceChildren(this.#heading(question), picture.root, numbers);
    this.#picture = picture;
    this.#histogram = null;
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
    const of = slice ? [element("p", { class: "note" }, "Of the whole tensor:")] : [];
    const tied = found.tied_to ? [element("p", {}, `Tied to ${found.tied_to}: both are one tensor.`)] : [];
    root.replaceChildren(...of, ...tied, statistics(found), ...remarks(found), plot, ...demanded);
    this.#histogram = found.histogram && { plot, histogram: found.histogram };
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
      this.#want({ entry, slice: field.value.replace(/\s/g, "") });
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
    button.addEventListener("click", () => this.#want({ entry, slice: "" }));
    return button;
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
