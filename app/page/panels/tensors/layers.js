/** The layers of any module: types, numbers of elements, output shapes, and what they return for the input. */

import { element, part, partOf, reveal } from "../../draw/element.js";
import { percent, short } from "../../draw/number_text.js";
import { table } from "../../draw/table.js";
import { figuresOf } from "../../model/activation.js";
import { LayerView } from "./layer.js";

/**
 * @import { Activation, Layer, Model } from "../../data/answers.js"
 * @import { Api } from "../../data/api.js"
 */

const MOST = 200;
/** By the name of the backend. @type {Record<string, string>} */
const PROGRAMS = { eager: "PyTorch", onnxruntime: "ONNX Runtime", numpy: "NumPy" };
const HEADER = ["layer", "type", "output", "parameters", "buffers", "mean", "std", "zeros"];
const SHOWN =
  "Mean, standard deviation and share of zeros of what the layer returns for the input of the answer. Choose a layer for its values and its weights.";
const WITHOUT = "Without the activations for the input; the outputs are those of the model's example.";
const NO_LAYERS =
  "A program of torch.export is a list of operations. It names the modules that hold its parameters and buffers, but none of them runs: no layer has a type, an output or activations. Choose a module for its weights.";
const OF_PROGRAM = ["module", "parameters", "buffers"];

export class LayersView {
  #layers;
  #program;
  #chosen;
  /** @type {Map<string, Activation>} */
  #activations = new Map();
  /** The cells that change with the input. @type {Map<Layer, HTMLElement[]>} */
  #cells = new Map();

  /** @param {Model} model @param {Api | null} api  null: the key may not see the state. */
  constructor({ layers, backend, trainable, totals, card }, api) {
    this.#layers = layers;
    this.#program = card.program;
    this.#chosen = new LayerView(api, card.program);
    const [all, learned, buffers] = [totals.parameters, trainable, totals.buffers].map((count) =>
      count.toLocaleString("en"),
    );
    const [, program, rest] = /^(\w+)(?:, channels_last)?(.*)$/.exec(backend) ?? ["", backend, ""];
    part("layers-totals").textContent =
      `${all} parameters, ${all === learned ? "all" : learned} trainable; ${buffers} elements of buffers. Computed by ${PROGRAMS[program] ?? program}${rest}.`;
    const filter = partOf(HTMLInputElement, "layers-filter");
    filter.addEventListener("input", () => this.#list(filter.value.trim().toLowerCase()));
    reveal("layers", true);
    this.#list("");
    if (card.program) this.show(null);
  }

  /** @param {Activation[] | null} activations  Those for the current input. @param {string} reason  Why there are none. */
  show(activations, reason = "") {
    // A layer that runs several times shows the last.
    this.#activations = new Map(activations?.map((each) => [each.layer, each]));
    part("layers-note").textContent = this.#program ? NO_LAYERS : activations ? SHOWN : `${WITHOUT} ${reason}`;
    for (const [layer, cells] of this.#cells) this.#fill(layer, cells);
    this.#chosen.update(this.#activations);
  }

  /** @param {string} wanted  A part of a name or a type. */
  #list(wanted) {
    const found = this.#layers.filter(({ name, type }) => `${name} ${type}`.toLowerCase().includes(wanted));
    this.#cells.clear();
    const rows = found.slice(0, MOST).map((layer) => {
      const [output, ...numbers] = ["output", "mean", "std", "zeros"].map(() => element("span"));
      this.#cells.set(layer, [output, ...numbers]);
      this.#fill(layer, [output, ...numbers]);
      const counts = [layer.parameters, layer.buffers].map((count) => count.toLocaleString("en"));
      return this.#program
        ? [this.#button(layer), ...counts]
        : [this.#button(layer), layer.type, output, ...counts, ...numbers];
    });
    part("layers-table").replaceChildren(this.#program ? table(OF_PROGRAM, rows, 1) : table(HEADER, rows, 3));
    part("layers-count").textContent =
      `${found.length} of ${this.#layers.length} ${this.#program ? "modules" : "layers"}${found.length > MOST ? `; the first ${MOST} are shown` : ""}.`;
  }

  /** @param {Layer} layer */
  #button(layer) {
    const button = element(
      "button",
      { type: "button", class: "name quiet", title: layer.text },
      layer.name || "(the module)",
    );
    button.style.setProperty("--depth", String(layer.name ? layer.name.split(".").length : 0));
    const show = () => this.#chosen.show(layer, this.#activations);
    button.addEventListener("click", show);
    return button;
  }

  /** @param {Layer} layer @param {HTMLElement[]} cells */
  #fill({ name, output_shapes: known }, cells) {
    const activation = this.#activations.get(name);
    // Of several outputs, only one is an activation.
    const shapes = activation && known?.length === 1 ? [activation.shape] : (known ?? []);
    const output = shapes.map((shape) => (shape.length ? shape.join(" × ") : "one number")).join("; ");
    const { mean = null, std = null, zeros = 0 } = activation ? figuresOf(activation) : {};
    const texts = activation ? [short(mean, 3), short(std, 3), zeros ? percent(zeros) : "0"] : ["", "", ""];
    cells.forEach((cell, place) => {
      cell.textContent = [output, ...texts][place];
    });
  }
}
