/** Outputs beside the first class, or that are not one value each: their classes, their numbers or, of many, statistics, their planes as pictures, and their JSON. */

import { Bar } from "../../draw/bar.js";
import { onScheme } from "../../draw/colours.js";
import { element, part } from "../../draw/element.js";
import { figures } from "../../draw/figures.js";
import { probabilityText, short } from "../../draw/number_text.js";
import { drawPlanes } from "../../draw/planes.js";
import { drawStrip } from "../../draw/strip.js";
import { isClass } from "../../model/card.js";

/** @import { Output, Prediction } from "../../data/answers.js" */

const MOST_CHARACTERS = 20_000;
/** A vector of so many numbers is shown itself, a longer one by its statistics. */
const FEW_NUMBERS = 8;
const MOST_CLASSES = 6;

export class OutputsView {
  #outputs;
  /** @type {Record<string, unknown>} */
  #values = {};

  /** @param {Output[]} outputs */
  constructor(outputs) {
    this.#outputs = outputs;
    onScheme(() => Object.keys(this.#values).length && this.show(this.#values));
  }

  clear() {
    this.#values = {};
    part("outputs").hidden = true;
  }

  /** @param {Record<string, unknown>} values  By output. */
  show(values) {
    this.#values = values;
    const parts = this.#outputs
      .filter(({ name }) => Object.hasOwn(values, name))
      .map((output) => describe(output, values[output.name]));
    part("outputs").replaceChildren(...parts);
    part("outputs").hidden = !parts.length;
  }

  /** @param {object[]} predictions  Those of several instances. */
  showMany(predictions) {
    part("outputs").replaceChildren(
      element("h3", {}, `${predictions.length} predictions`),
      asJson("predictions", predictions, true),
    );
    part("outputs").hidden = false;
  }
}

/** @param {Output} output @param {unknown} value */
function describe({ name, kind, dtype, unit }, value) {
  if (isClass(value)) return element("div", { class: "output" }, element("h3", {}, name), ...classOf(name, value));
  const shape = shapeOf(value);
  const flat = /** @type {number[]} */ ([value].flat(Infinity).map(Number));
  const what = `${kind === "tensor" ? "" : `${kind}, `}${shape.length ? `${dtype} of shape ${shape.join(" × ")}` : `one ${dtype}`}`;
  return element(
    "div",
    { class: "output" },
    element("h3", {}, name),
    element("p", { class: "note" }, what),
    ...(flat.length > 1 ? [numbers(flat, shape)] : [element("p", {}, `${short(flat[0], 6)} ${unit ?? ""}`)]),
    ...pictures(flat, shape),
    asJson(name, value),
  );
}

/** @param {string} output @param {Prediction} value */
function classOf(output, value) {
  const found = Object.entries(value.probabilities).map(([name, probability], index) => ({ name, probability, index }));
  if (found.length > MOST_CLASSES) found.sort((a, b) => b.probability - a.probability);
  const bars = found.slice(0, MOST_CLASSES).map(({ name, probability, index }) => {
    const bar = new Bar(name, index);
    bar.show(probability);
    return bar.root;
  });
  return [
    element("p", {}, `${value.class} ${probabilityText(value.probabilities[value.class])}`),
    element("ul", { class: "bars", "aria-label": `Probabilities of ${output}` }, ...bars),
    asJson(output, value),
  ];
}

/** @param {number[]} flat @param {number[]} shape */
function pictures(flat, shape) {
  if (shape.length === 1 && flat.length > 1) return [drawStrip(flat)];
  if (shape.length === 2 || shape.length === 3) return [drawPlanes(flat, shape)];
  return [];
}

/** @param {number[]} values @param {number[]} shape */
function numbers(values, shape) {
  if (shape.length > 1 || values.length > FEW_NUMBERS) return statistics(values);
  return figures(Object.fromEntries(values.map((value, index) => [String(index), short(value, 6)])));
}

/** @param {number[]} values */
function statistics(values) {
  const sum = values.reduce((total, value) => total + value, 0);
  const norm = Math.sqrt(values.reduce((total, value) => total + value * value, 0));
  const [low, high] = [
    values.reduce((a, b) => Math.min(a, b), Infinity),
    values.reduce((a, b) => Math.max(a, b), -Infinity),
  ];
  return figures({ minimum: short(low), maximum: short(high), mean: short(sum / values.length), norm: short(norm) });
}

/** @param {string} name @param {unknown} value @param {boolean} open */
function asJson(name, value, open = false) {
  const text = JSON.stringify(value, null, 1).replace(/\[[^[\]{}]*\]/g, (list) => list.replace(/\s+/g, " "));
  const shown = text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)} …` : text;
  const pre = element("pre", { tabindex: 0, role: "region", "aria-label": `${name} as JSON` }, shown);
  return element("details", { open }, element("summary", {}, "As JSON"), pre);
}

/** @param {unknown} value @returns {number[]} */
function shapeOf(value) {
  return Array.isArray(value) ? [value.length, ...shapeOf(value[0])] : [];
}
