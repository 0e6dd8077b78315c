/** Figures of what a layer returned. */

/** @import { Activation } from "../data/answers.js" */

/** All its numbers, or null if they were not sent. @param {Activation} activation @returns {number[] | null} */
export function flatValues({ values }) {
  return Array.isArray(values)
    ? values.flat(Infinity).map((value) => (typeof value === "number" ? value : Number(value ?? NaN)))
    : null;
}

/**
 * Smallest, largest and mean value, and the share of zeros; of a service that sends none, from the values.
 * @param {Activation} activation
 */
export function figuresOf(activation) {
  const { shape, statistics } = activation;
  const count = shape.reduce((product, length) => product * length, 1);
  if (statistics) {
    const { min, max, mean, std, zeros, non_finite: odd } = statistics;
    return { min, max, mean, std, zeros: zeros / count, odd };
  }
  const values = flatValues(activation) ?? [];
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
  return {
    min: Math.min(...values),
    max: Math.max(...values),
    mean,
    std: Math.sqrt(square),
    zeros: values.filter((value) => value === 0).length / count,
    odd: values.filter((value) => !Number.isFinite(value)).length,
  };
}
