/**
 * What each feature contributes to one answer, by the answers for its other values.
 *
 * Source: the curves of Goldstein et al., "Peeking Inside the Black Box" (2015), at one instance.
 */

import { isNumber } from "../data/feature.js";
import { sliderRange } from "./scale.js";

/** @import { Feature } from "../data/answers.js" */
/** @import { Tensor } from "../data/npy.js" */

const POINTS = 5;
const MOST_VALUES = 12;

/**
 * The values of a feature that are compared: evenly over the training range, or each category.
 * @param {Feature} feature
 */
function alternatives(feature) {
  if (!isNumber(feature)) {
    const count = feature.kind === "boolean" ? 2 : Math.min(MOST_VALUES, feature.values?.length ?? 0);
    return Array.from({ length: count }, (_, code) => code);
  }
  const { low, high } = sliderRange(feature);
  const [from, to] = [feature.minimum ?? low, feature.maximum ?? high];
  return Array.from({ length: POINTS }, (_, point) => from + (point / (POINTS - 1)) * (to - from));
}

/**
 * The instance, and after it a row for each other value of each feature, in the features' order.
 * @param {Feature[]} features
 * @param {readonly number[]} values
 */
export function comparisonRows(features, values) {
  const others = features.flatMap((feature, place) => alternatives(feature).map((value) => values.with(place, value)));
  return [values, ...others];
}

/**
 * The answer to the instance, less the mean of the answers for each feature's values.
 * @param {Feature[]} features
 * @param {Tensor} scores  Of comparisonRows, of shape [rows, columns].
 * @param {number} column
 */
export function effects(features, { shape: [, columns], data }, column) {
  let row = 1;
  return features.map((feature) => {
    const count = alternatives(feature).length;
    let sum = 0;
    for (let each = row; each < row + count; each += 1) sum += data[each * columns + column];
    row += count;
    return data[column] - sum / count;
  });
}
