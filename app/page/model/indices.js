/** The meaning of a tensor's element: its index, and its unit, feature or class. */

/** @import { Card } from "../data/answers.js" */
/** @typedef {"feature" | "class" | "hidden"} Axis */
/** @typedef {{ name: string, shape: number[] }} Named */

const MOST_NAMES = 16;
/** @type {Record<string, Axis[]>} */
const AXES = {
  "hidden.weight": ["hidden", "feature"],
  "hidden.bias": ["hidden"],
  "output.weight": ["class", "hidden"],
  "output.bias": ["class"],
};

/**
 * "hidden.weight[3, 2], hidden 3 from petal_length", from the index in the flat data.
 * @param {Card} card
 * @param {Named} entry
 * @param {number} flat
 */
export function nameIndex(card, { name, shape }, flat) {
  /** @type {number[]} */
  const index = [];
  for (const size of shape.toReversed()) {
    index.unshift(flat % size);
    flat = Math.floor(flat / size);
  }
  if (!index.length) return name;
  const axes = axesOf(card, name);
  const names = axes.map((axis, place) => nameOn(card, axis, index[place]));
  return `${name}[${index.join(", ")}]${names.length ? `, ${names.join(" from ")}` : ""}`;
}

/**
 * The meaning of the heatmap's rows and columns, or nothing if it is unknown.
 * @param {Card} card
 * @param {Named} entry
 */
export function describeAxes(card, { name, shape }) {
  const axes = shape.length ? axesOf(card, name) : [];
  /** @type {(names: string[], noun: string) => string} */
  const list = (names, noun) => (names.length > MOST_NAMES ? `${names.length} ${noun}` : names.join(", "));
  const names = {
    feature: list(
      card.features.map((feature) => feature.name),
      "features",
    ),
    class: list(card.classes, "classes"),
    hidden: "hidden units",
  };
  const sides = axes.length > 1 ? ["Rows", "Columns"] : ["Columns"];
  return axes.map((axis, place) => `${sides[place]}: ${names[axis]}.`).join(" ");
}

/** Only those of a tabular classifier are known. @param {Card} card @param {string} name @returns {Axis[]} */
function axesOf(card, name) {
  if (!card.features.length) return [];
  if (Object.hasOwn(AXES, name)) return AXES[name];
  return name.startsWith("norm.") ? ["feature"] : [];
}

/** @param {Card} card @param {Axis} axis @param {number} index */
function nameOn(card, axis, index) {
  if (axis === "feature") return card.features[index].name;
  return axis === "class" ? card.classes[index] : `hidden ${index}`;
}
