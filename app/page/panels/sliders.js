/** A slider and a number field for each feature of the card. */

import { classColours, onScheme } from "../draw/colours.js";
import { element } from "../draw/element.js";
import { exact } from "../draw/number_text.js";
import { Surface } from "../draw/surface.js";
import { sliderRange } from "../model/scale.js";

/**
 * @import { Card, TrainingRows } from "../data/answers.js"
 * @import { Instance } from "../model/instance.js"
 */

export class Sliders {
  #controls;

  /** @param {HTMLElement} root @param {Card} card @param {Instance} instance */
  constructor(root, card, instance) {
    this.#controls = card.features.map((_, place) => new Control(card, place, instance));
    root.replaceChildren(...this.#controls.map((control) => control.root));
    instance.addEventListener("change", () => this.#show(instance));
    this.#show(instance);
  }

  /** @param {Instance} instance */
  #show(instance) {
    this.#controls.forEach((control, place) => control.show(instance.values[place]));
  }
}

class Control {
  #feature;
  #slider;
  #number;
  #note;

  /** @param {Card} card @param {number} place @param {Instance} instance */
  constructor(card, place, instance) {
    const feature = card.features[place];
    const { low, high, step } = sliderRange(feature);
    const [id, unit] = [`feature-${place}`, feature.unit ? ` ${feature.unit}` : ""];
    this.#feature = feature;
    this.#slider = element("input", {
      type: "range",
      id,
      min: low,
      max: high,
      step,
      "aria-describedby": `${id}-range`,
    });
    this.#number = element("input", {
      type: "number",
      step: "any",
      "aria-label": `${feature.name}${unit}, as a number`,
    });
    const { minimum, maximum } = feature;
    const known = minimum !== null && maximum !== null;
    const seen = known ? `trained on ${exact(minimum)} to ${exact(maximum)}${unit}` : "training range not known";
    this.#note = element("p", { class: "note", id: `${id}-range` }, seen);
    const track = element("div", { class: "track" }, this.#slider);
    if (known) {
      track.style.setProperty("--from", String((minimum - low) / (high - low)));
      track.style.setProperty("--to", String((maximum - low) / (high - low)));
    }
    if (card.training_rows) track.prepend(rug(card.training_rows, card.classes.length, place, low, high));
    const label = element("label", { for: id }, feature.name, element("span", { class: "unit" }, unit));
    this.root = element("div", { class: "feature" }, label, this.#number, track, this.#note);
    const take = (/** @type {HTMLInputElement} */ input) => {
      const valid = Number.isFinite(input.valueAsNumber);
      input.setAttribute("aria-invalid", String(!valid));
      if (valid) instance.change({ [place]: input.valueAsNumber });
    };
    for (const input of [this.#slider, this.#number]) input.addEventListener("input", () => take(input));
  }

  /** @param {number} value */
  show(value) {
    this.#slider.value = String(value);
    this.#slider.setAttribute("aria-valuetext", `${exact(value)} ${this.#feature.unit ?? ""}`);
    // Not while the user types: "5." may become 5.1.
    if (this.#number.valueAsNumber !== value) {
      this.#number.value = String(Number(value.toPrecision(9)));
      this.#number.setAttribute("aria-invalid", "false");
    }
    const { minimum, maximum } = this.#feature;
    this.#note.classList.toggle("outside", value < (minimum ?? -Infinity) || value > (maximum ?? Infinity));
  }
}

/**
 * The training rows of each class as ticks over the slider.
 * @param {TrainingRows} kept
 * @param {number} classes
 * @param {number} place
 * @param {number} low
 * @param {number} high
 */
function rug({ rows, labels }, classes, place, low, high) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const surface = new Surface(canvas, (context, width, height) => {
    const colours = classColours(classes);
    context.globalAlpha = Math.min(1, Math.max(0.15, 60 / rows.length));
    rows.forEach((row, index) => {
      context.fillStyle = `rgb(${colours[labels[index]].join(" ")})`;
      context.fillRect(((row[place] - low) / (high - low)) * width - 0.75, 0, 1.5, height);
    });
  });
  onScheme(() => surface.draw());
  return canvas;
}
