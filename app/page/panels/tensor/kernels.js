/** The kernels of a convolution as small pictures: a row for each output, a column for each input. */

import { diverging } from "../../draw/colours.js";
import { element } from "../../draw/element.js";

/**
 * @import { Outlined } from "../../data/answers.js"
 * @import { Tensor } from "../../data/npy.js"
 */

const MOST = 16;
const LARGEST_SIDE = 15;
/** A kernel, in CSS pixels, and the gap to the next. */
const SIDE = 36;
const GAP = 3;

/** The kernels that are shown, as a slice; null if a tensor of this shape has none. @param {number[]} shape */
export function kernelSlice(shape) {
  if (shape.length !== 4) return null;
  const [outputs, inputs, height, width] = shape;
  const fits = height * width > 1 && Math.max(height, width) <= LARGEST_SIDE && outputs && inputs;
  return fits ? `:${MOST},:${MOST}` : null;
}

/** @param {Outlined} entry @param {Tensor} kernels  Of shape [outputs, inputs, height, width]. */
export function drawKernels({ name, shape: whole }, { shape, data }) {
  const [outputs, inputs, height, width] = shape;
  const [across, down] = [inputs, outputs].map((count) => count * (SIDE + GAP) - GAP);
  const label = `Kernels of ${name}`;
  const canvas = element("canvas", { role: "img", "aria-label": label, width: across, height: down });
  canvas.style.width = `${across}px`;
  const draw = () => {
    const context = canvas.getContext("2d");
    if (!context) return;
    context.clearRect(0, 0, across, down);
    context.imageSmoothingEnabled = false;
    for (let output = 0; output < outputs; output += 1)
      for (let input = 0; input < inputs; input += 1) {
        const start = (output * inputs + input) * height * width;
        const kernel = tile(data.subarray(start, start + height * width), width, height);
        context.drawImage(kernel, input * (SIDE + GAP), output * (SIDE + GAP), SIDE, SIDE);
      }
  };
  draw();
  const counts = [`${outputs} of ${whole[0]} outputs, a row each`, `${inputs} of ${whole[1]} inputs, a column each`];
  const note = `Kernels of ${height} × ${width}: ${counts.join("; ")}. Each has its own scale.`;
  const scrolls = { class: "heatmap", tabindex: 0, role: "region", "aria-label": label };
  const root = element(
    "div",
    { class: "cells" },
    element("div", scrolls, canvas),
    element("p", { class: "note" }, note),
  );
  return { root, draw };
}

/** A kernel with a pixel for each weight. @param {Tensor["data"]} weights @param {number} width @param {number} height */
function tile(weights, width, height) {
  const colour = diverging();
  const largest = Math.max(...Array.from(weights, (weight) => Math.abs(weight) || 0)) || 1;
  const image = new ImageData(width, height);
  weights.forEach((weight, pixel) => {
    image.data.set([...colour(Number.isFinite(weight) ? weight / largest : 0), 255], 4 * pixel);
  });
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  return canvas;
}
