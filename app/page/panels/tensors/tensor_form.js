/** A field for each input of any signature, and all of them as JSON. */

import { element, part, partOf } from "../../draw/element.js";
import { describeInput, equalTo, exampleText, readField, write } from "../../model/field.js";
import { PictureField } from "./picture_field.js";

/** @import { Input as Values } from "../../data/api.js" */
/** @import { Input, Model } from "../../data/answers.js" */

/** The most characters of a field of one line. */
const LINE = 36;

/** Each valid input that is sent dispatches "predict" and "change", each edit of the fields "edit". */
export class TensorForm extends EventTarget {
  #inputs;
  #json = partOf(HTMLTextAreaElement, "json-text");
  /** @type {(Field | PictureField)[]} */
  #fields;
  #asJson;
  /** Whether the JSON was changed last: then the service says what is wrong. */
  #edited = false;

  /** @param {Model} model */
  constructor({ example, signature: { inputs, equal_axes = [] } }) {
    super();
    this.#inputs = inputs;
    // A table of some columns, and instances by another name, have only JSON.
    this.#asJson = example !== null && !inputs.every(({ name }) => Object.hasOwn(example, name));
    // The only picture has a pad.
    this.#fields = inputs.map((input) =>
      input.image && inputs.length > 1
        ? new PictureField(input, example)
        : new Field(input, example, equalTo(input, equal_axes)),
    );
    part("fields").replaceChildren(...(this.#asJson ? [] : this.#fields.map(({ root }) => root)));
    const reset = () => {
      for (const field of this.#fields) field.reset();
      this.#json.value = example ? write(example) : this.#joined();
    };
    reset();
    part("json-reset").addEventListener("click", () => {
      reset();
      this.#send();
    });
    this.#json.addEventListener("input", () => this.#takeJson());
    part("fields").addEventListener("input", () => this.#takeFields());
    for (const id of ["json-text", "fields"])
      part(id).addEventListener("input", () => this.dispatchEvent(new Event("edit")));
    part("json").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
  }

  /** The body of /predict. */
  get text() {
    return this.#json.value;
  }

  /** The same as a value; an empty object while it is no JSON. @returns {any} */
  get value() {
    try {
      return JSON.parse(this.text);
    } catch {
      return {};
    }
  }

  /** Whether it is this body: no field has another value, or a wrong one. @param {string} body */
  says(body) {
    return this.text === body && (this.#edited || this.#fields.every(({ fault }) => !fault));
  }

  /** Fold the fields: a picture stands for them. @param {boolean} folded */
  fold(folded) {
    partOf(HTMLDetailsElement, "json-more").open = this.#asJson && !folded;
    part("fields").hidden = folded;
  }

  /** Nothing of it is in the page's address, which has numbers only. @returns {Values} */
  toJSON() {
    return {};
  }

  #send() {
    if (this.#fields.some(({ fault }) => fault) && !this.#asJson && !this.#edited) return;
    this.dispatchEvent(new Event("change"));
    this.dispatchEvent(new Event("predict"));
  }

  #joined() {
    const pairs = this.#fields.map(({ json }, place) => ` ${JSON.stringify(this.#inputs[place].name)}: ${json}`);
    return `{\n${pairs.join(",\n")}\n}`;
  }

  /** The fields are the JSON's parts, as the user wrote them: numbers may be longer than JavaScript's. */
  #takeFields() {
    this.#edited = false;
    for (const field of this.#fields) field.check();
    if (this.#fields.every(({ fault }) => !fault)) this.#json.value = this.#joined();
  }

  #takeJson() {
    this.#edited = true;
    try {
      const values = JSON.parse(this.#json.value);
      this.#fields.forEach((field, place) => field.set(values[this.#inputs[place].name]));
    } catch {
      // Not yet JSON; the service says what is wrong if it is sent.
    }
  }
}

class Field {
  #input;
  #example;
  #control;
  #note;
  #purpose;

  /** @param {Input} input @param {unknown} example @param {string[]} equal Inputs of the same length. */
  constructor(input, example, equal) {
    this.#input = input;
    this.#purpose = [describeInput(input), ...equal.map((name) => `as long as ${name}`)].join(", ");
    this.#example = exampleText(input, example);
    const lines = this.#example.split("\n").length;
    const attributes = {
      id: `field-${input.name}`,
      "aria-describedby": `note-${input.name}`,
      spellcheck: "false",
      autocomplete: "off",
    };
    this.#control =
      lines === 1 && this.#example.length <= LINE
        ? element("input", { type: "text", ...attributes })
        : element("textarea", { rows: Math.min(8, Math.max(2, lines)), ...attributes });
    this.#note = element("p", { class: "note", id: `note-${input.name}` });
    this.root = element(
      "div",
      { class: "field" },
      element("label", { for: `field-${input.name}` }, input.name),
      this.#control,
      this.#note,
    );
    this.json = this.#example;
    this.fault = "";
  }

  reset() {
    this.#control.value = this.#example;
    this.check();
  }

  /** @param {unknown} value */
  set(value) {
    this.#control.value = value === undefined ? "" : write(value);
    this.check();
  }

  check() {
    try {
      this.json = readField(this.#input, this.#control.value);
      this.fault = "";
    } catch (error) {
      this.fault = /** @type {Error} */ (error).message;
    }
    this.#control.setAttribute("aria-invalid", String(this.fault !== ""));
    this.#note.textContent = this.fault || this.#purpose;
    this.#note.classList.toggle("outside", this.fault !== "");
  }
}
