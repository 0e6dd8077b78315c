/** The changes from another version to the one on the page: a heatmap for each tensor. */

import { RequestQueue } from "../data/request_queue.js";
import { Cells } from "../draw/cells.js";
import { onScheme } from "../draw/colours.js";
import { element, part, reveal, select } from "../draw/element.js";
import { figures } from "../draw/figures.js";
import { MOST_CELLS } from "../draw/heatmap.js";
import { digits, signed } from "../draw/number_text.js";

/**
 * @import { Comparison, Difference, Model, Outline, State, StateEntry } from "../data/answers.js"
 * @import { Api } from "../data/api.js"
 * @import { Tensor } from "../data/npy.js"
 */

const WIDEST = 400;

export class DifferenceView {
  #api;
  #model;
  #card;
  /** @type {Map<string, StateEntry>} */
  #entries;
  #requests;
  /** @type {Cells[]} */
  #cells = [];

  /**
   * @param {Api} api
   * @param {Model} model
   * @param {State} state
   * @param {string[]} versions  The model's versions that are ready.
   */
  constructor(api, { name, version, card }, { entries }, versions) {
    this.#api = api;
    this.#model = { model: name, version };
    this.#card = card;
    this.#entries = new Map(entries.map((entry) => [entry.name, entry]));
    this.#requests = new RequestQueue(
      (from) => this.#ask(from),
      (answer) => this.#show(answer),
      (error) => part("difference-tensors").replaceChildren(element("p", { role: "alert" }, error.message)),
    );
    const others = versions.filter((each) => each !== version);
    reveal("difference", others.length > 0);
    if (!others.length) return;
    const first = select("difference-from");
    first.replaceChildren(...others.map((each) => element("option", {}, each)));
    first.value = others.findLast((each) => Number(each) < Number(version)) ?? others[0];
    first.addEventListener("change", () => this.#requests.want(first.value));
    part("difference-to").textContent = `to ${version}, the version on this page`;
    onScheme(() => this.#cells.forEach((cells) => cells.draw()));
    this.#requests.want(first.value);
  }

  /** The comparison, and the values of each changed tensor in both versions. @param {string} from */
  async #ask(from) {
    /** @type {Map<string, Tensor[]>} */
    const values = new Map();
    const { model, version } = this.#model;
    const comparison = await this.#api.diff(model, from, version);
    const sides = [from, version].map((each) => this.#api.of({ model, version: each }));
    for (const { name, changed } of comparison.differences) {
      if (!changed || this.#elements(name) > MOST_CELLS) continue;
      values.set(name, await Promise.all(sides.map((side) => side.tensor(name))));
    }
    return { comparison, values };
  }

  /** @param {{ comparison: Comparison, values: Map<string, Tensor[]> }} answer */
  #show({ comparison: { identical, added, removed, recast, differences }, values }) {
    this.#cells = [];
    const lines = [
      identical && "The states are identical.",
      ...added.map((outline) => `Added: ${outlineText(outline)}`),
      ...removed.map((outline) => `Removed: ${outlineText(outline)}`),
      ...recast.map(({ first, second }) => `Recast: ${outlineText(first)} became ${outlineText(second)}`),
    ];
    part("difference-names").replaceChildren(...lines.flatMap((line) => (line ? [element("li", {}, line)] : [])));
    const root = part("difference-tensors");
    const width = Math.min(WIDEST, root.clientWidth);
    root.replaceChildren(
      ...differences.map((difference) => this.#tensor(difference, values.get(difference.name), width)),
    );
  }

  /** @param {Difference} difference @param {Tensor[] | undefined} values @param {number} width */
  #tensor(difference, values, width) {
    const { name, changed, non_finite: odd } = difference;
    const numbers = {
      changed: `${changed} of ${this.#elements(name)}`,
      "largest |change|": digits(difference.max_absolute, "float32"),
      "mean |change|": digits(difference.mean_absolute, "float32"),
      "relative norm": digits(difference.relative_norm, "float32"),
      // float32 would round the cosine of different directions to 1.
      cosine: digits(difference.cosine, "float64"),
      "not finite": String(odd),
    };
    return element("div", {}, element("h3", {}, name), this.#heatmap(name, changed, values, width), figures(numbers));
  }

  /** @param {string} name */
  #elements(name) {
    return this.#entries.get(name)?.elements ?? 0;
  }

  /** @param {string} name @param {number} changed @param {Tensor[] | undefined} values @param {number} width */
  #heatmap(name, changed, values, width) {
    if (!values) return element("p", { class: "note" }, changed ? "Too large to draw." : "No value changed.");
    const [before, after] = values.map(({ data }) => data);
    const { shape } = values[0];
    const dtype = this.#entries.get(name)?.dtype ?? "";
    const data = Float64Array.from(after, (value, flat) => value - before[flat]);
    const describe = (/** @type {number} */ flat) =>
      `${digits(after[flat], dtype)}, before ${digits(before[flat], dtype)}: ${signed(data[flat], 4)}`;
    // More than the name, which is that of a heatmap in the state browser.
    const title = { name, shape, label: `Change of ${name}` };
    const cells = new Cells(this.#card, title, { shape, data }, width, describe);
    this.#cells.push(cells);
    return cells.root;
  }
}

/** @param {Outline} outline */
function outlineText({ name, shape, dtype }) {
  return `${name}, ${shape.join(" × ") || "a number"}, ${dtype}`;
}
