/** A slider and a number field for one feature. */

import { readNumber } from "../../data/feature.js";
import { classColours, onScheme } from "../../draw/colours.js";
import { element } from "../../draw/element.js";
import { exact } from "../../draw/number_text.js";
import { Surface } from "../../draw/surface.js";
import { onStep, sliderRange } from "../../model/scale.js";

/**
 * @import { Card } from "../../data/answers.js"
 * @import { Instance } from "../../model/instance.js"
 * @import { TrainingRows } from "../../model/training_rows.js"
 */

/** Steps up or down, by key. @type {Record<string, number>} */
const STEPS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 };

export class NumberField {
  #feature;
  #step;
  #slider;
  #number;
  #note;
  #seen;
  #lacking = false;
  /** @type {HTMLInputElement | null} */
  #missing = null;
  /** @type {number | null} */
  #shown = null;

  /** @param {Card} card @param {number} place @param {Instance} instance @param {TrainingRows | null} rows */
  constructor(card, place, instance, rows) {
    const feature = card.features[place];
    const { low, high, step } = sliderRange(feature);
    const [id, unit] = [`feature-${place}`, feature.unit ? ` ${feature.unit}` : ""];
    this.#feature = feature;
    this.#step = step;
    // The browser's own steps would move a value between two steps.
    const range = { type: "range", min: low, max: high, step: "any", "aria-describedby": `${id}-range` };
    this.#slider = element("input", { id, ...range });
    this.#number = element("input", {
      // A number field of Chromium reads "5,5" as 55.
      type: "text",
      inputmode: "decimal",
      autocomplete: "off",
      "aria-label": `${feature.name}${unit}, as a number`,
      "aria-describedby": `${id}-range`,
    });
    const { minimum, maximum } = feature;
    const known = minimum !== null && maximum !== null;
    this.#seen = known ? `trained on ${exact(minimum)} to ${exact(maximum)}${unit}` : "training range not known";
    this.#note = element("p", { class: "note", id: `${id}-range` }, this.#seen);
    const track = element("div", { class: "track" }, this.#slider);
    if (known) {
      track.style.setProperty("--from", String((minimum - low) / (high - low)));
      track.style.setProperty("--to", String((maximum - low) / (high - low)));
    }
    if (rows) track.prepend(rug(rows, card.classes.length, place, low, high));
    const label = element("label", { for: id }, feature.name, element("span", { class: "unit" }, unit));
    this.root = element("div", { class: "feature" }, label, this.#number, track, this.#note);
    if (feature.missing) this.#offerMissing(place, instance);
    const change = (/** @type {number} */ value) => instance.change({ [place]: value });
    this.#slider.addEventListener("input", () => change(onStep(this.#slider.valueAsNumber, step)));
    this.#slider.addEventListener("keydown", (event) => this.#takeKey(event, this.#slider.valueAsNumber, change));
    this.#number.addEventListener("keydown", (event) => {
      // The others move the caret.
      const steps = ["ArrowUp", "ArrowDown"].includes(event.key) && Number.isFinite(this.#typed);
      if (steps) this.#takeKey(event, this.#typed, change);
    });
    this.#number.addEventListener("input", () => {
      const typed = this.#typed;
      if (Number.isFinite(typed) || this.#isMissing()) {
        change(typed);
        this.#mark(false);
      } else {
        this.#mark(true);
        instance.empty(place);
      }
    });
  }

  /** The number in the field; NaN if there is none. */
  get #typed() {
    return readNumber(this.#number.value);
  }

  /** Move to the next step, also from a value between two. @param {KeyboardEvent} event @param {number} value @param {(value: number) => void} change */
  #takeKey(event, value, change) {
    const steps = STEPS[event.key];
    if (!steps || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const next = onStep(value + steps * this.#step, this.#step, steps > 0 ? Math.floor : Math.ceil);
    const [min, max] = [this.#slider.min, this.#slider.max].map(Number);
    // A number may be typed beyond the slider, and stays there.
    change(Math.min(Math.max(max, value), Math.max(Math.min(min, value), next)));
  }

  /** Whether the empty field is a value that the model accepts. */
  #isMissing() {
    return this.#missing !== null && this.#number.value.trim() === "";
  }

  /** @param {boolean} lacking */
  #mark(lacking) {
    this.#lacking = lacking;
    this.#number.setAttribute("aria-invalid", String(lacking));
    const comma = this.#number.value.includes(",") ? `Read as ${exact(this.#typed)}; ` : "";
    this.#note.textContent = `${lacking ? "A number is needed; " : comma}${this.#seen}`;
    const { minimum, maximum } = this.#feature;
    const outside = this.#typed < (minimum ?? -Infinity) || this.#typed > (maximum ?? Infinity);
    this.#note.classList.toggle("outside", lacking || outside);
  }

  /** @param {number} value  NaN if it is missing. */
  show(value) {
    // A field in which the user types may hold the text of another value.
    const same = Object.is(value, this.#shown) && Object.is(this.#typed, value);
    if (same && !this.#lacking) return;
    this.#shown = value;
    const missing = Number.isNaN(value);
    if (this.#missing) this.#missing.checked = missing;
    this.root.classList.toggle("missing", missing);
    if (!missing) this.#slider.value = String(value);
    this.#slider.setAttribute("aria-valuetext", missing ? "missing" : `${exact(value)} ${this.#feature.unit ?? ""}`);
    // Not while the user types: "5." may become 5.1.
    if (!Object.is(this.#typed, value)) {
      this.#number.value = missing ? "" : String(Number(value.toPrecision(9)));
    }
    this.#mark(false);
  }

  /** @param {number} place @param {Instance} instance */
  #offerMissing(place, instance) {
    const box = element("input", { type: "checkbox", "aria-label": `${this.#feature.name} is missing` });
    box.addEventListener("change", () => instance.change({ [place]: box.checked ? NaN : this.#slider.valueAsNumber }));
    this.#missing = box;
    this.#note.after(element("label", { class: "missing" }, box, " missing"));
  }
}

/**
 * The training rows of each class as ticks over the slider.
 * @param {TrainingRows} rows
 * @param {number} classes
 * @param {number} place
 * @param {number} low
 * @param {number} high
 */
function rug(rows, classes, place, low, high) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const surface = new Surface(canvas, (context, width, height) => {
    const colours = classColours(classes);
    context.globalAlpha = Math.min(1, Math.max(0.15, 60 / rows.labels.length));
    rows.column(place)?.forEach((value, row) => {
      context.fillStyle = `rgb(${colours[rows.labels[row]].join(" ")})`;
      context.fillRect(((value - low) / (high - low)) * width - 0.75, 0, 1.5, height);
    });
  });
  rows.addEventListener("change", () => surface.draw());
  onScheme(() => surface.draw());
  return canvas;
}
