/** Numbers as a strip of coloured cells: blue above zero, red below. */

import { diverging } from "./colours.js";
import { element } from "./element.js";
import { short } from "./number_text.js";

const HEIGHT = 1;

/** @param {number[]} values */
export function drawStrip(values) {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value) || 0), 1e-12);
  const name = `${values.length} values, the largest of size ${short(largest)}: blue is positive, red negative`;
  const canvas = element("canvas", {
    class: "strip",
    width: values.length,
    height: HEIGHT,
    role: "img",
    "aria-label": name,
  });
  const context = canvas.getContext("2d");
  const [image, colour] = [new ImageData(values.length, HEIGHT), diverging()];
  values.forEach((value, place) => image.data.set([...colour((value || 0) / largest), 255], 4 * place));
  context?.putImageData(image, 0, 0);
  return element("figure", { title: name }, canvas);
}
