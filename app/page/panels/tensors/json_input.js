/** The input as JSON, with a valid example. */

import { part, partOf } from "../../draw/element.js";

/** @import { Model } from "../../data/answers.js" */
/** @import { Input } from "../../data/api.js" */

/** The button dispatches "predict". */
export class JsonInput extends EventTarget {
  #field = partOf(HTMLTextAreaElement, "json-text");

  /** @param {Model} model */
  constructor({ example, signature: { inputs } }) {
    super();
    const valid = example ? write(example) : "";
    this.#field.value = valid;
    part("json-shape").textContent = inputs.map(describe).join("; ");
    part("json-reset").hidden = !example;
    part("json-reset").addEventListener("click", () => {
      this.#field.value = valid;
      this.dispatchEvent(new Event("predict"));
    });
    part("json").addEventListener("submit", (event) => {
      event.preventDefault();
      this.dispatchEvent(new Event("predict"));
    });
  }

  /** The body of /predict. */
  get text() {
    return this.#field.value;
  }

  /** Nothing of it is in the page's address, which has numbers only. @returns {Input} */
  toJSON() {
    return {};
  }
}

/** JSON with an innermost list on each line. @param {object} value */
function write(value) {
  return JSON.stringify(value, null, 1).replace(/\[[^[\]{}]*\]/g, (list) => list.replace(/\s+/g, " "));
}

/** @param {{ name: string, dtype: string, shape: number[] }} input */
function describe({ name, dtype, shape }) {
  const lengths = shape.slice(1).map((length) => (length < 0 ? "any" : length));
  return `${name}: ${lengths.length ? `${dtype} of shape ${lengths.join(" × ")}` : `one ${dtype}`}`;
}
