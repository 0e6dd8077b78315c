/** A picture as one of several inputs: a file, which the JSON has as base64. */

import { element } from "../../draw/element.js";
import { describeInput, exampleText, write } from "../../model/field.js";

/** @import { Input } from "../../data/answers.js" */

/** The service reads these; the browser writes any other as PNG. */
const AS_IS = ["image/png", "image/jpeg"];
/** Of the picture that is shown. */
const HEIGHT = 96;

/** Its root dispatches "input" once the file that was chosen has been read. */
export class PictureField {
  #input;
  #example;
  #chooser;
  #canvas;
  #note;
  #changes = 0;
  json = "";
  fault = "";

  /** @param {Input} input  With an image. @param {unknown} example */
  constructor(input, example) {
    const { name } = input;
    const id = `field-${name}`;
    this.#input = input;
    this.#example = exampleText(input, example);
    this.#chooser = element("input", { id, type: "file", accept: "image/*", "aria-describedby": `note-${name}` });
    this.#canvas = element("canvas", { role: "img", "aria-label": `The picture that ${name} is`, hidden: true });
    this.#note = element("p", { class: "note", id: `note-${name}` });
    const label = element("label", { for: id }, name);
    this.root = element("div", { class: "field drop" }, label, this.#canvas, this.#chooser, this.#note);
    this.#chooser.addEventListener("change", () => this.#open(this.#chooser.files?.[0]));
  }

  reset() {
    this.#take(this.#example, "the example");
  }

  /** @param {unknown} value */
  set(value) {
    this.#take(value === undefined ? "" : write(value), "the value in the JSON");
  }

  /** Nothing: a file is checked when it is read, and a value in the JSON by the service. */
  check() {}

  /** @param {string} json @param {string} source */
  #take(json, source) {
    this.#changes++;
    this.#chooser.value = "";
    this.#canvas.hidden = true;
    this.json = json;
    this.fault = json ? "" : `${this.#input.name}: a picture is needed`;
    this.#say(this.fault || `Now ${source}, ${describeInput(this.#input)}; or choose a picture.`, this.fault !== "");
  }

  /** @param {File | undefined} file */
  async #open(file) {
    if (!file) return;
    const change = ++this.#changes;
    const picture = await createImageBitmap(file).catch(() => null);
    const read = picture && (await base64(AS_IS.includes(file.type) ? file : await pngOf(picture)));
    // What was chosen or written meanwhile stays.
    if (change !== this.#changes) return;
    if (picture && read) {
      this.json = JSON.stringify({ b64: read });
      this.fault = "";
      paint(this.#canvas, picture, Math.min(1, HEIGHT / picture.height));
      this.#canvas.hidden = false;
      this.#say("");
    } else {
      this.#chooser.value = "";
      this.#say(`${file.name} is no picture that this browser reads; the input is as before.`, true);
    }
    this.root.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** @param {string} text */
  #say(text, wrong = false) {
    this.#note.textContent = text;
    this.#note.classList.toggle("outside", wrong);
    this.#chooser.setAttribute("aria-invalid", String(this.fault !== ""));
  }
}

/** @param {HTMLCanvasElement} canvas @param {ImageBitmap} picture @param {number} scale */
function paint(canvas, picture, scale) {
  Object.assign(canvas, { width: Math.max(1, picture.width * scale), height: Math.max(1, picture.height * scale) });
  canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
}

/** @param {ImageBitmap} picture @returns {Promise<Blob | null>} */
function pngOf(picture) {
  const canvas = document.createElement("canvas");
  paint(canvas, picture, 1);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** @param {Blob | null} file @returns {Promise<string | null>} */
function base64(file) {
  if (!file) return Promise.resolve(null);
  const reader = new FileReader();
  return new Promise((resolve) => {
    reader.onload = () => resolve(String(reader.result).split(",")[1]);
    reader.onerror = () => resolve(null);
    reader.readAsDataURL(file);
  });
}
