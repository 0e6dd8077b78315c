/** A list of values for a category, a box for a boolean; a missing value is a choice of its own. */

import { element } from "../../draw/element.js";

/**
 * @import { Card } from "../../data/answers.js"
 * @import { Instance } from "../../model/instance.js"
 */

export class ChoiceField {
  #control;

  /** @param {Card} card @param {number} place @param {Instance} instance */
  constructor(card, place, instance) {
    const { name, kind, values, other, missing } = card.features[place];
    const id = `feature-${place}`;
    const box = kind === "boolean" && !missing;
    const texts = kind === "boolean" ? ["no", "yes"] : [...(values ?? []), ...(other ? ["(another text)"] : [])];
    const options = [...texts.map((text, code) => [String(code), text]), ...(missing ? [["NaN", "(missing)"]] : [])];
    this.#control = box
      ? element("input", { id, type: "checkbox" })
      : element("select", { id }, ...options.map(([value, text]) => element("option", { value }, text)));
    this.root = element("div", { class: "feature choice" }, element("label", { for: id }, name), this.#control);
    this.#control.addEventListener("change", () => instance.change({ [place]: this.#code() }));
  }

  /** @param {number} code */
  show(code) {
    if (this.#control instanceof HTMLSelectElement) this.#control.value = String(code);
    else this.#control.checked = code !== 0;
  }

  #code() {
    return this.#control instanceof HTMLSelectElement ? Number(this.#control.value) : Number(this.#control.checked);
  }
}
