/** The probability of a class as a bar with its number. */

import { classVariable, element } from "./element.js";
import { probabilityText } from "./number_text.js";

export class Bar {
  #fill = element("i");
  #number = element("span", { class: "number" });

  /** @param {string} name @param {number} index */
  constructor(name, index) {
    this.#fill.style.setProperty("--class", classVariable(index));
    const bar = element("span", { class: "bar", "aria-hidden": "true" }, this.#fill);
    this.root = element("li", {}, element("span", { class: "name", title: name }, name), " ", bar, this.#number);
  }

  /** @param {number} probability */
  show(probability) {
    this.#fill.style.width = `${probability * 100}%`;
    this.#number.textContent = probabilityText(probability);
  }
}
