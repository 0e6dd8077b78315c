/** What changed from another version to the one on the page: each tensor's difference in colours. */

import { Cells } from "./cells.js";
import { onScheme } from "./colours.js";
import { element, part, reveal } from "./element.js";
import { figures } from "./figures.js";
import { MOST_CELLS } from "./heatmap.js";
import { Latest } from "./latest.js";
import { digits, signed } from "./scale.js";

const WIDEST = 400;

export class DifferenceView {
  #api;
  #model;
  #card;
  #shapes;
  #latest;
  #cells = [];

  /** `versions` are those of the model that answer. */
  constructor(api, { name, version, card }, { entries }, versions) {
    this.#api = api;
    this.#model = { model: name, version };
    this.#card = card;
    this.#shapes = new Map(entries.map((entry) => [entry.name, entry]));
    this.#latest = new Latest(
      (from) => this.#ask(from),
      (answer) => this.#show(answer),
      (error) => part("difference-tensors").replaceChildren(element("p", { role: "alert" }, error.message)),
    );
    const others = versions.filter((each) => each !== version);
    reveal("difference", others.length > 0);
    if (!others.length) return;
    const select = part("difference-from");
    select.replaceChildren(...others.map((each) => element("option", {}, each)));
    select.value = others.findLast((each) => Number(each) < Number(version)) ?? others[0];
    select.addEventListener("change", () => this.#latest.want(select.value));
    part("difference-to").textContent = `to ${version}, the version on this page`;
    onScheme(() => this.#cells.forEach((cells) => cells.draw()));
    this.#latest.want(select.value);
  }

  /** The comparison, and of each tensor that changed its values in both. */
  async #ask(from) {
    const { model, version } = this.#model;
    const comparison = await this.#api.diff(model, from, version);
    const sides = [from, version].map((each) => this.#api.of({ model, version: each }));
    const values = new Map();
    for (const { name, changed } of comparison.differences) {
      if (!changed || this.#shapes.get(name).elements > MOST_CELLS) continue;
      values.set(name, await Promise.all(sides.map((side) => side.tensor(name))));
    }
    return { comparison, values };
  }

  #show({ comparison: { identical, added, removed, recast, differences }, values }) {
    this.#cells = [];
    const lines = [
      identical && "The states are identical.",
      ...added.map((outline) => `Added: ${describe(outline)}`),
      ...removed.map((outline) => `Removed: ${describe(outline)}`),
      ...recast.map(({ first, second }) => `Recast: ${describe(first)} became ${describe(second)}`),
    ].filter(Boolean);
    part("difference-names").replaceChildren(...lines.map((line) => element("li", {}, line)));
    const root = part("difference-tensors");
    const width = Math.min(WIDEST, root.clientWidth);
    root.replaceChildren(...differences.map((difference) => this.#tensor(difference, values.get(difference.name), width)));
  }

  #tensor(difference, values, width) {
    const { name, changed, non_finite: odd } = difference;
    const numbers = {
      changed: `${changed} of ${this.#shapes.get(name).elements}`,
      "largest |change|": digits(difference.max_absolute, "float32"),
      "mean |change|": digits(difference.mean_absolute, "float32"),
      "relative norm": digits(difference.relative_norm, "float32"),
      // float32 rounds directions that differ to 1.
      cosine: digits(difference.cosine, "float64"),
      "not finite": String(odd),
    };
    return element("div", {}, element("h3", {}, name), this.#heatmap(name, changed, values, width), figures(numbers));
  }

  #heatmap(name, changed, values, width) {
    if (!values) return element("p", { class: "note" }, changed ? "Too large to draw." : "No value changed.");
    const [before, after] = values.map(({ data }) => data);
    const { shape } = values[0];
    const { dtype } = this.#shapes.get(name);
    const data = Float64Array.from(after, (value, flat) => value - before[flat]);
    const tell = (flat) => `${digits(after[flat], dtype)}, before ${digits(before[flat], dtype)}: ${signed(data[flat], 4)}`;
    // Not the name alone: the state browser has a heatmap of that.
    const title = { name, shape, label: `Change of ${name}` };
    const cells = new Cells(this.#card, title, { shape, data }, width, tell);
    this.#cells.push(cells);
    return cells.root;
  }
}

function describe({ name, shape, dtype }) {
  return `${name}, ${shape.join(" × ") || "a number"}, ${dtype}`;
}
