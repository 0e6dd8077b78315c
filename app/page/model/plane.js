/** Two features of the card as a plane, and the rows that tile it. */

import { isNumber } from "../data/feature.js";
import { sliderRange } from "./scale.js";

/**
 * @import { Card } from "../data/answers.js"
 * @import { TrainingRows } from "./training_rows.js"
 */
/** @typedef {ReturnType<typeof axis>} Axis */
/** @typedef {{ across: Axis, up: Axis }} Plane */

/** The feature at `place`, with the range of its slider. @param {Card} card @param {number} place */
export function axis(card, place) {
  const { name, unit, minimum, maximum } = card.features[place];
  const title = unit ? `${name} (${unit})` : name;
  return { place, name, unit, title, minimum, maximum, ...sliderRange(card.features[place]) };
}

/** The places of the features that are numbers. @param {Card} card */
export function numberPlaces({ features }) {
  return features.flatMap((feature, place) => (isNumber(feature) ? [place] : []));
}

/**
 * The places of the two numbers that separate the classes of the training rows best; the first two
 * if there are no rows.
 * @param {Card} card
 * @param {TrainingRows | null} rows
 */
export function separatingFeatures(card, rows) {
  return numberPlaces(card)
    .sort((a, b) => (rows ? rows.separation[b] - rows.separation[a] : 0))
    .slice(0, 2)
    .sort((a, b) => a - b);
}

/** The places of the two numbers that matter most for an answer. @param {Card} card @param {number[]} contributions */
export function matteringFeatures(card, contributions) {
  return numberPlaces(card)
    .sort((a, b) => Math.abs(contributions[b]) - Math.abs(contributions[a]))
    .slice(0, 2);
}

/**
 * side * side rows, from the upper left line by line: `values`, but on two axes the middles of
 * the plane's cells.
 * @param {readonly number[]} values
 * @param {Plane} axes
 * @param {number} side
 */
export function tile(values, { across, up }, side) {
  const rows = new Float32Array(side * side * values.length);
  for (let cell = 0; cell < side * side; cell += 1) {
    const start = cell * values.length;
    rows.set(values, start);
    rows[start + up.place] = up.high - ((Math.floor(cell / side) + 0.5) / side) * (up.high - up.low);
    rows[start + across.place] = across.low + (((cell % side) + 0.5) / side) * (across.high - across.low);
  }
  return rows;
}
