/** One layer: what it returns for the current input, and its weights. */

import { onScheme } from "../../draw/colours.js";
import { element, part } from "../../draw/element.js";
import { figures } from "../../draw/figures.js";
import { percent, short } from "../../draw/number_text.js";
import { drawStrip } from "../../draw/strip.js";
import { goTo } from "../../frame/folds.js";
import { figuresOf, flatValues } from "../../model/activation.js";
import { pathOf } from "../../model/module_tree.js";

/**
 * @import { Activation, Layer } from "../../data/answers.js"
 * @import { Api } from "../../data/api.js"
 */

export class LayerView {
  #api;
  #program;
  /** @type {Layer | null} */
  #layer = null;
  /** @type {Map<string, Activation>} */
  #activations = new Map();

  /** Buttons for its tensors. */
  #weights = element("p", { class: "buttons" });

  /** @param {Api | null} api  null: the key may not see the state. @param {boolean} program  Whether no layer runs. */
  constructor(api, program) {
    this.#api = api;
    this.#program = program;
    onScheme(() => this.#draw());
  }

  /** @param {Layer} layer @param {Map<string, Activation>} activations  By layer, for the current input. */
  show(layer, activations) {
    this.#layer = layer;
    this.update(activations);
    this.#offerWeights(layer);
  }

  /** @param {Map<string, Activation>} activations */
  update(activations) {
    this.#activations = activations;
    this.#draw();
  }

  #draw() {
    part("layer").hidden = !this.#layer;
    if (!this.#layer) return;
    const { name, text } = this.#layer;
    const activation = this.#activations.get(name);
    part("layer").replaceChildren(
      element("h3", {}, name || "(the module)"),
      ...(this.#program ? [] : described(text, activation)),
      this.#weights,
    );
  }

  /** Buttons that open the tensors of the layer under State. @param {Layer} layer */
  async #offerWeights(layer) {
    this.#weights.replaceChildren();
    const holds = this.#api && layer.parameters + layer.buffers > 0;
    const found = holds ? await this.#api?.branch(layer.name).catch(() => null) : null;
    if (this.#layer !== layer) return;
    const own = found?.tree.children.filter(({ shape }) => shape !== null) ?? [];
    const buttons = own.map((leaf) => {
      const tensor = pathOf(layer.name, leaf);
      const button = element("button", { type: "button" }, tensor);
      button.addEventListener("click", () => openTensor(tensor));
      return button;
    });
    const what = own.length ? "Its weights under State:" : "It has no parameters or buffers of its own.";
    this.#weights.replaceChildren(what, ...buttons);
  }
}

/** @param {string} text @param {Activation} [activation] */
function described(text, activation) {
  const lacking = element("p", { class: "note" }, "No activations of it for this input.");
  return [
    element("p", { class: "note" }, element("code", {}, text)),
    ...(activation ? returned(activation) : [lacking]),
  ];
}

/** @param {Activation} activation */
function returned(activation) {
  const { min, max, mean, std, zeros, odd } = figuresOf(activation);
  const numbers = { minimum: short(min), maximum: short(max), mean: short(mean), "standard deviation": short(std) };
  const values = flatValues(activation);
  return [
    figures({ shape: activation.shape.join(" × "), ...numbers, zeros: percent(zeros), "not finite": String(odd) }),
    ...(values && values.length > 1 ? [drawStrip(values)] : []),
  ];
}

/** @param {string} name */
function openTensor(name) {
  part("state").dispatchEvent(new CustomEvent("tensor", { detail: name }));
  goTo("state");
}
