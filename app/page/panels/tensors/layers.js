/** The layers of any module: types, numbers of elements, and output shapes for one instance. */

import { element, part, partOf, reveal } from "../../draw/element.js";
import { table } from "../../draw/table.js";

/** @import { Layer, Model } from "../../data/answers.js" */

const MOST = 200;

export class LayersView {
  #layers;

  /** @param {Model} model */
  constructor({ layers, backend, trainable, totals }) {
    this.#layers = layers;
    const numbers = [totals.parameters, trainable, totals.buffers].map((count) => count.toLocaleString("en"));
    part("layers-totals").textContent =
      `${numbers[0]} parameters, of which an optimizer would change ${numbers[1]}; ${numbers[2]} elements of buffers. Backend: ${backend}.`;
    const filter = partOf(HTMLInputElement, "layers-filter");
    filter.addEventListener("input", () => this.#show(filter.value.trim().toLowerCase()));
    reveal("layers", true);
    this.#show("");
  }

  /** @param {string} wanted  A part of a name or a type. */
  #show(wanted) {
    const found = this.#layers.filter(({ name, type }) => `${name} ${type}`.toLowerCase().includes(wanted));
    const rows = found.slice(0, MOST).map(describe);
    part("layers-table").replaceChildren(table(["layer", "type", "output", "parameters", "buffers"], rows, 3));
    part("layers-count").textContent =
      `${found.length} of ${this.#layers.length} layers${found.length > MOST ? `; the first ${MOST} are shown` : ""}.`;
  }
}

/** @param {Layer} layer */
function describe({ name, type, text, parameters, buffers, output_shapes: shapes }) {
  const depth = name ? name.split(".").length : 0;
  const label = element("span", { class: "name", title: text }, name || "(the module)");
  label.style.setProperty("--depth", String(depth));
  const output = (shapes ?? []).map((shape) => (shape.length ? shape.join(" × ") : "one number")).join("; ");
  return [label, type, output, parameters.toLocaleString("en"), buffers.toLocaleString("en")];
}
