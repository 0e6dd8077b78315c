/** The planes of a tensor of two or three axes as pictures; of several, where each is the largest, and of three, their colours, too. */

import { classColours, diverging } from "./colours.js";
import { element } from "./element.js";
import { short } from "./number_text.js";

const MOST_PLANES = 16;
/** @typedef {(place: number) => number[]} Colour  [red, green, blue] of a cell. */

/** @param {number[]} values  Row by row. @param {number[]} shape  [planes, height, width], or without planes. */
export function drawPlanes(values, shape) {
  const [planes, height, width] = shape.length === 3 ? shape : [1, ...shape];
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value) || 0), 1e-12);
  const [colour, size] = [diverging(), height * width];
  const shown = Array.from({ length: Math.min(planes, MOST_PLANES) }, (_, plane) =>
    draw(
      planes > 1 ? `plane ${plane}` : `blue above zero, red below, up to ${short(largest)}`,
      width,
      height,
      (place) => colour((values[plane * size + place] || 0) / largest),
    ),
  );
  if (planes > 1)
    shown.unshift(draw("the plane with the largest value", width, height, largestPlane(values, planes, size)));
  const unit = planes === 3 && unitRange(values);
  if (unit)
    shown.unshift(draw(`red, green and blue from ${short(unit[0])} to 1`, width, height, mixed(values, unit[0], size)));
  const note =
    planes > MOST_PLANES ? [element("p", { class: "note" }, `The first ${MOST_PLANES} of ${planes} planes.`)] : [];
  return element("div", { class: "planes" }, ...shown, ...note);
}

/** The range that a generator's pictures have, 0 to 1 or -1 to 1, if all values are in it. @param {number[]} values */
function unitRange(values) {
  return [
    [0, 1],
    [-1, 1],
  ].find(([low, high]) => values.every((value) => value >= low && value <= high));
}

/** Three planes as the colour of each cell. @param {number[]} values @param {number} low  That of black; 1 is white. @param {number} size @returns {Colour} */
function mixed(values, low, size) {
  return (place) => [0, 1, 2].map((plane) => (255 * (values[plane * size + place] - low)) / (1 - low));
}

/** The colour of the plane whose value is the largest, as of a class. @param {number[]} values @param {number} planes @param {number} size @returns {Colour} */
function largestPlane(values, planes, size) {
  const colours = classColours(planes);
  return (place) => {
    let best = 0;
    for (let plane = 1; plane < planes; plane += 1)
      if (values[plane * size + place] > values[best * size + place]) best = plane;
    return colours[best];
  };
}

/** @param {string} name @param {number} width @param {number} height @param {Colour} colour */
function draw(name, width, height, colour) {
  const canvas = element("canvas", { width, height, role: "img", "aria-label": name });
  const image = new ImageData(width, height);
  for (let place = 0; place < width * height; place += 1) image.data.set([...colour(place), 255], 4 * place);
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  return element("figure", {}, canvas, element("figcaption", {}, name));
}
