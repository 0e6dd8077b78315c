/** Two features of the card as a plane, and the rows that tile it. */

import { sliderRange } from "./scale.js";

/** @import { Card } from "../data/answers.js" */
/** @typedef {ReturnType<typeof axis>} Axis */
/** @typedef {{ across: Axis, up: Axis }} Plane */

/** The feature at `place`, with the range of its slider. @param {Card} card @param {number} place */
export function axis(card, place) {
  const { name, unit, minimum, maximum } = card.features[place];
  const title = unit ? `${name} (${unit})` : name;
  return { place, name, unit, title, minimum, maximum, ...sliderRange(card.features[place]) };
}

/** The places of the two features that separate the classes of the training rows best. @param {Card} card */
export function separatingFeatures({ features, classes, training_rows: kept }) {
  const places = features.map((_, place) => place);
  if (!kept) return places.slice(0, 2);
  const ratios = places.map((place) => {
    const groups = classes.map((_, label) => kept.rows.filter((_, row) => kept.labels[row] === label));
    const columns = groups.map((rows) => rows.map((row) => row[place])).filter((column) => column.length);
    const within = columns.reduce((sum, column) => sum + column.length * variance(column), 0);
    const all = columns.flat();
    return within ? (all.length * variance(all)) / within : 1;
  });
  return places
    .sort((a, b) => ratios[b] - ratios[a])
    .slice(0, 2)
    .sort((a, b) => a - b);
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

/** @param {number[]} column */
function variance(column) {
  const mean = column.reduce((sum, value) => sum + value, 0) / column.length;
  return column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / column.length;
}
