/** The changes from another version to the one on the page: a heatmap for each tensor. */

import { RequestQueue } from "../data/request_queue.js";
import { Cells } from "../draw/cells.js";
import { onScheme } from "../draw/colours.js";
import { element, part, reveal, select } from "../draw/element.js";
import { figures } from "../draw/figures.js";
import { MOST_CELLS } from "../draw/heatmap.js";
import { whenSeen } from "../draw/in_view.js";
import { digits, short, signed } from "../draw/number_text.js";
import { onWidth } from "../draw/width.js";

/**
 * @import { Comparison, Difference, Model, Outline, Outlined } from "../data/answers.js"
 * @import { Api } from "../data/api.js"
 * @import { Tensor } from "../data/npy.js"
 */

const WIDEST = 400;
/** The most tensors whose change is drawn, the most that are described, and the most equal ones that are named. */
const MOST_DRAWN = 12;
const MOST_DESCRIBED = 100;
const MOST_NAMED = 8;
/** Of larger states, the service compares all values only when the panel is seen. */
const SMALL_BYTES = 2 ** 25;

export class DifferenceView {
  #api;
  #model;
  #card;
  /** Those of the state; of a large one the first. @type {Map<string, Outlined>} */
  #entries = new Map();
  #requests;
  /** @type {Cells[]} */
  #cells = [];

  /**
   * @param {Api} api
   * @param {Model} model
   * @param {string[]} versions  The model's versions that are ready.
   */
  constructor(api, { name, version, card, totals }, versions) {
    this.#api = api;
    this.#model = { model: name, version };
    this.#card = card;
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
    onWidth(part("difference-tensors"), () => this.#fit());
    const ask = () => this.#requests.want(first.value);
    if (totals.bytes <= SMALL_BYTES) ask();
    else whenSeen(part("difference"), ask);
  }

  /** The comparison, and the values of each changed tensor in both versions. @param {string} from */
  async #ask(from) {
    /** @type {Map<string, Tensor[]>} */
    const values = new Map();
    const { model, version } = this.#model;
    const [comparison, { entries }] = await Promise.all([this.#api.diff(model, from, version), this.#api.state()]);
    this.#entries = new Map(entries.map((entry) => [entry.name, entry]));
    const sides = [from, version].map((each) => this.#api.of({ model, version: each }));
    for (const { name, changed } of comparison.differences) {
      if (!changed || !this.#small(name) || values.size === MOST_DRAWN) continue;
      values.set(name, await Promise.all(sides.map((side) => side.tensor(name))));
    }
    return { comparison, values };
  }

  /** @param {{ comparison: Comparison, values: Map<string, Tensor[]> }} answer */
  #show({ comparison: { identical, added, removed, recast, differences }, values }) {
    this.#cells = [];
    const changed = differences.filter((each) => each.changed);
    const equal = differences.filter((each) => !each.changed).map(({ name }) => name);
    const left = changed.length - MOST_DESCRIBED;
    const lines = [
      ...added.map((outline) => `Added: ${outlineText(outline)}`),
      ...removed.map((outline) => `Removed: ${outlineText(outline)}`),
      ...recast.map(({ first, second }) => `Recast: ${outlineText(first)} became ${outlineText(second)}`),
      ...(identical ? [`The states are equal: no value of ${counted(equal.length)} changed.`] : equalText(equal)),
      ...(left > 0 ? [`Changed: ${counted(changed.length)}; the first ${MOST_DESCRIBED} are shown.`] : []),
    ];
    part("difference-names").replaceChildren(...lines.map((line) => element("li", {}, line)));
    const root = part("difference-tensors");
    const shown = changed.slice(0, MOST_DESCRIBED);
    root.replaceChildren(...shown.map((difference) => this.#tensor(difference, values.get(difference.name))));
    this.#fit();
  }

  #fit() {
    for (const cells of this.#cells) cells.fit(Math.min(WIDEST, cells.root.clientWidth));
  }

  /** @param {Difference} difference @param {Tensor[] | undefined} values */
  #tensor(difference, values) {
    const { name, changed, non_finite: odd } = difference;
    const numbers = {
      changed: `${changed} of ${this.#entries.get(name)?.elements ?? "its elements"}`,
      "largest |change|": digits(difference.max_absolute, "float32"),
      "mean |change|": digits(difference.mean_absolute, "float32"),
      "relative norm": digits(difference.relative_norm, "float32"),
      cosine: cosineText(difference.cosine),
      "not finite": String(odd),
    };
    return element("div", {}, element("h3", {}, name), this.#heatmap(name, values), figures(numbers));
  }

  /** Why a tensor's change is not drawn. @param {string} name */
  #reason(name) {
    return this.#small(name) ? `Only the first ${MOST_DRAWN} changes are drawn.` : "Too large to draw.";
  }

  /** @param {string} name */
  #small(name) {
    return (this.#entries.get(name)?.elements ?? Infinity) <= MOST_CELLS;
  }

  /** @param {string} name @param {Tensor[] | undefined} values */
  #heatmap(name, values) {
    if (!values) return element("p", { class: "note" }, this.#reason(name));
    const [before, after] = values.map(({ data }) => data);
    const { shape } = values[0];
    const dtype = this.#entries.get(name)?.dtype ?? "";
    const data = Float64Array.from(after, (value, flat) => value - before[flat]);
    const describe = (/** @type {number} */ flat) =>
      `${digits(after[flat], dtype)}, before ${digits(before[flat], dtype)}: ${signed(data[flat], 4)}`;
    // More than the name, which is that of a heatmap in the state browser.
    const title = { name, shape, label: `Change of ${name}` };
    const cells = new Cells(this.#card, title, { shape, data }, describe);
    this.#cells.push(cells);
    return cells.root;
  }
}

/** Six digits, or as many as tell different directions from equal ones. @param {number | null} cosine */
function cosineText(cosine) {
  let most = 6;
  while (cosine !== null && cosine !== 1 && most < 17 && Number(cosine.toPrecision(most)) === 1) most += 1;
  return short(cosine, most);
}

/** @param {number} count */
function counted(count) {
  return `${count.toLocaleString("en")} ${count === 1 ? "tensor" : "tensors"}`;
}

/** @param {string[]} names  Those of the tensors without a change. */
function equalText(names) {
  if (!names.length) return [];
  const more = names.length - MOST_NAMED;
  return [`Equal: ${names.slice(0, MOST_NAMED).join(", ")}${more > 0 ? ` and ${more.toLocaleString("en")} more` : ""}`];
}

/** @param {Outline} outline */
function outlineText({ name, shape, dtype }) {
  return `${name}, ${shape.join(" × ") || "a number"}, ${dtype}`;
}
