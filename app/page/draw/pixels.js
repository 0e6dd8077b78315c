/** The picture that a tensor was made of. */

/** @import { Input } from "../data/answers.js" */

/**
 * The pixels of an instance; null if it has no two axes of pixels. This undoes the steps that
 * follow resizing and cropping: the value of a pixel is multiplied by `scale`, less `mean`, and
 * divided by `std`.
 * @param {Input} input  With an image.
 * @param {unknown} instance  Nested lists, in the layout of the image.
 */
export function pixelsOf({ name, dtype, image }, instance) {
  const named = instance && typeof instance === "object" && !Array.isArray(instance);
  const values = named ? /** @type {Record<string, unknown>} */ (instance)[name] : instance;
  const shape = shapeOf(values);
  if (!image || shape.length !== (image.layout === "HW" ? 2 : 3)) return null;
  const [channels, height, width] =
    image.layout === "CHW" ? shape : [image.layout === "HW" ? 1 : shape[2], shape[0], shape[1]];
  if (!width || !height || channels > 4) return null;
  const flat = /** @type {number[]} */ (/** @type {unknown[]} */ (values).flat(2));
  const [across, step] = image.layout === "CHW" ? [1, height * width] : [channels, 1];
  const bytes = new Uint8ClampedArray(4 * height * width).fill(255);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let channel = 0; channel < Math.max(channels, 3); channel++) {
      const source = channels < 3 ? 0 : channel;
      const value = flat[pixel * across + source * step];
      const unscaled = value * (image.std?.[source] ?? 1) + (image.mean?.[source] ?? 0);
      bytes[4 * pixel + channel] = dtype === "uint8" ? value : unscaled / image.scale;
    }
  }
  return new ImageData(bytes, width, height);
}

/** @param {unknown} values @returns {number[]} */
function shapeOf(values) {
  return Array.isArray(values) ? [values.length, ...shapeOf(values[0])] : [];
}
