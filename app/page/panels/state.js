/** The state browser: every entry of the state_dict, one at a time. */

import { credentials } from "../data/credentials.js";
import { Cells } from "../draw/cells.js";
import { onScheme } from "../draw/colours.js";
import { element, part } from "../draw/element.js";
import { figures } from "../draw/figures.js";
import { MOST_CELLS } from "../draw/heatmap.js";
import { drawHistogram } from "../draw/histogram.js";
import { digits } from "../draw/number_text.js";
import { onWidth } from "../draw/width.js";

/**
 * @import { Card, Histogram, State, StateEntry } from "../data/answers.js"
 * @import { Api } from "../data/api.js"
 */

const BINS = 20;

export class StateBrowser {
  #api;
  #card;
  /** @type {StateEntry | null} */
  #chosen = null;
  /** @type {Cells | null} */
  #cells = null;
  /** @type {{ plot: Element, name: string, histogram: Histogram } | null} */
  #histogram = null;

  /** @param {Api} api @param {Card} card @param {State} state */
  constructor(api, card, { totals, entries }) {
    this.#api = api;
    this.#card = card;
    const tied = totals.tied ? `${totals.tied} elements more are tied to these. ` : "";
    const counts = `${totals.parameters} parameters, ${totals.buffers} buffers, ${totals.bytes} bytes. ${tied}`;
    const files = [".pth", ".safetensors"].flatMap((suffix) => [download(api, `state${suffix}`, suffix), " "]);
    part("state-totals").replaceChildren(counts, "Download all: ", ...files);
    const buttons = entries.map((entry) => this.#button(entry));
    part("tensors").replaceChildren(...buttons);
    onScheme(() => this.#cells?.draw());
    onWidth(part("tensor"), () => this.#drawHistogram());
  }

  /** Show the first entry when the panel has its width. */
  open() {
    part("tensors").querySelector("button")?.click();
  }

  /** @param {StateEntry} entry */
  #button(entry) {
    const kind = `${entry.kind}, ${entry.shape.join(" × ") || "a number"}, ${entry.dtype}`;
    const button = element(
      "button",
      { type: "button", "aria-pressed": "false" },
      element("span", { class: "name" }, entry.name),
      element("span", { class: "note" }, kind),
    );
    button.addEventListener("click", async () => {
      for (const other of part("tensors").children) other.setAttribute("aria-pressed", String(other === button));
      await this.#show(entry);
    });
    return button;
  }

  /** @param {StateEntry} entry */
  async #show(entry) {
    this.#chosen = entry;
    const small = entry.elements <= MOST_CELLS;
    let loaded;
    try {
      loaded = await Promise.all([small ? this.#api.tensor(entry.name) : null, this.#api.histogram(entry.name, BINS)]);
    } catch (error) {
      const { message } = /** @type {Error} */ (error);
      if (this.#chosen === entry) part("tensor").replaceChildren(element("p", { role: "alert" }, message));
      return;
    }
    // Another entry may have been chosen meanwhile.
    if (this.#chosen !== entry) return;
    const [values, histogram] = loaded;
    const { clientWidth: width } = part("tensor");
    this.#cells =
      values && new Cells(this.#card, entry, values, width, (flat) => digits(values.data[flat], entry.dtype));
    const cells = this.#cells ? this.#cells.root : element("p", { class: "note" }, "Too large to draw; download it.");
    const plot = element("div", { class: "histogram" });
    const numbers = element("div", { class: "figures" }, statistics(entry), plot, this.#links(entry));
    part("tensor").replaceChildren(cells, numbers);
    this.#histogram = { plot, name: `Histogram of ${entry.name}, ${BINS} bins`, histogram };
    this.#drawHistogram();
  }

  #drawHistogram() {
    if (!this.#histogram) return;
    const { plot, name, histogram } = this.#histogram;
    drawHistogram(plot, name, histogram);
  }

  /** @param {StateEntry} entry */
  #links(entry) {
    const formats = ["npy", "safetensors", "json"].map((format) =>
      download(this.#api, this.#api.tensorPath(entry.name, format), `.${format}`),
    );
    return element("p", { class: "links" }, `Download ${entry.name}`, ...formats);
  }
}

/** @param {StateEntry} entry */
function statistics({ dtype, sha256, statistics: { min, max, mean, std, norm, zeros, non_finite: odd } }) {
  const numbers = { minimum: min, maximum: max, mean, "standard deviation": std, norm };
  const texts = Object.entries(numbers).map(([name, value]) => [name, digits(value, dtype)]);
  const counts = { zeros: String(zeros), "not finite": String(odd) };
  return figures({ ...Object.fromEntries(texts), ...counts, "SHA-256": `${sha256.slice(0, 12)}…` });
}

/** @param {Api} api @param {string} path @param {string} text */
function download(api, path, text) {
  const link = element("a", { href: new URL(path, api.base), download: true }, text);
  if (credentials().Authorization) link.addEventListener("click", (event) => save(event, api, path));
  return link;
}

/**
 * Download with the key, since the service refuses a plain link.
 * @param {Event} event
 * @param {Api} api
 * @param {string} path
 */
async function save(event, api, path) {
  event.preventDefault();
  const file = await api.file(path);
  const href = URL.createObjectURL(file);
  element("a", { href, download: file.name }).click();
  URL.revokeObjectURL(href);
}
