/** A slider and a number field for each feature of the card. */

import { classColours, onScheme } from "./colours.js";
import { element } from "./element.js";
import { exact, sliderRange } from "./scale.js";
import { Surface } from "./surface.js";

export class Sliders {
  #controls;

  constructor(root, card, instance) {
    this.#controls = card.features.map((feature, place) => new Control(card, place, instance));
    root.replaceChildren(...this.#controls.map((control) => control.root));
    instance.addEventListener("change", () => this.#show(instance));
    this.#show(instance);
  }

  #show(instance) {
    this.#controls.forEach((control, place) => control.show(instance.values[place]));
  }
}

class Control {
  #feature;
  #slider;
  #number;
  #note;

  constructor(card, place, instance) {
    const feature = card.features[place];
    const { low, high, step } = sliderRange(feature);
    const [id, unit] = [`feature-${place}`, feature.unit ? ` ${feature.unit}` : ""];
    this.#feature = feature;
    this.#slider = element("input", { type: "range", id, min: low, max: high, step, "aria-describedby": `${id}-range` });
    this.#number = element("input", { type: "number", step: "any", "aria-label": `${feature.name}${unit}, as a number` });
    const known = feature.minimum !== null;
    const seen = known ? `trained on ${exact(feature.minimum)} to ${exact(feature.maximum)}${unit}` : "training range not known";
    this.#note = element("p", { class: "note", id: `${id}-range` }, seen);
    const track = element("div", { class: "track" }, this.#slider);
    if (known) {
      track.style.setProperty("--from", (feature.minimum - low) / (high - low));
      track.style.setProperty("--to", (feature.maximum - low) / (high - low));
    }
    if (card.training_rows) track.prepend(rug(card, place, low, high));
    const label = element("label", { for: id }, feature.name, element("span", { class: "unit" }, unit));
    this.root = element("div", { class: "feature" }, label, this.#number, track, this.#note);
    const take = (input) => {
      const valid = Number.isFinite(input.valueAsNumber);
      input.setAttribute("aria-invalid", String(!valid));
      if (valid) instance.change({ [place]: input.valueAsNumber });
    };
    for (const input of [this.#slider, this.#number]) input.addEventListener("input", () => take(input));
  }

  show(value) {
    this.#slider.value = value;
    this.#slider.setAttribute("aria-valuetext", `${exact(value)} ${this.#feature.unit ?? ""}`);
    // Not while somebody writes in it: "5." is on its way to 5.1.
    if (this.#number.valueAsNumber !== value) {
      this.#number.value = Number(value.toPrecision(9));
      this.#number.setAttribute("aria-invalid", "false");
    }
    const { minimum, maximum } = this.#feature;
    const outside = minimum !== null && (value < minimum || value > maximum);
    this.#note.classList.toggle("outside", outside);
  }
}

/** The training rows of each class as ticks over the slider. */
function rug({ classes, training_rows: { rows, labels } }, place, low, high) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const surface = new Surface(canvas, (context, width, height) => {
    const colours = classColours(classes.length);
    context.globalAlpha = Math.min(1, Math.max(0.15, 60 / rows.length));
    rows.forEach((row, index) => {
      context.fillStyle = `rgb(${colours[labels[index]].join(" ")})`;
      context.fillRect(((row[place] - low) / (high - low)) * width - 0.75, 0, 1.5, height);
    });
  });
  onScheme(() => surface.draw());
  return canvas;
}
