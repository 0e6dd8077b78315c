/** The card of any model, with the fields of a tabular classifier's card. */

import { codeOf } from "../data/feature.js";

/** @import { AnyPrediction, Card, Feature, Model, Output, Prediction } from "../data/answers.js" */

const CLASS_KINDS = ["log_probabilities", "logits", "probabilities"];

/** @param {Model} model @returns {Card} */
export function cardOf({ card: written, signature, example }) {
  const card = /** @type {any} */ (written);
  if ("features" in card) return { ...card, program: false, output: null, target: null, level: null, examples: [] };
  const { inputs, outputs } = signature;
  const output = outputs.find(classifies) ?? outputs[0];
  const table = inputs.length === 1 ? inputs[0] : null;
  return {
    features: table?.features?.map((feature) => withExample(feature, table.name, example)) ?? [],
    classes: labelsOf(output),
    dataset: card.dataset ?? null,
    split: card.table ?? null,
    metrics: card.metrics ?? null,
    calibration: null,
    mahalanobis: null,
    program: card.code.kind === "program",
    output,
    target: card.table?.target ?? null,
    examples: card.table?.examples ?? [],
    level: card.hyperparameters?.interval_level ?? null,
  };
}

/** Whether each row of the output has a most probable class. @param {Output} output */
function classifies({ kind, shape }) {
  return CLASS_KINDS.includes(kind) && shape.length === 2;
}

/** The feature with the number that the golden example has: a row, where the card has the middle of each column. @param {Feature} feature @param {string} input @param {Model["example"]} example */
function withExample(feature, input, example) {
  const given = /** @type {any} */ (example) ?? {};
  const row = Object.hasOwn(given, input) && typeof given[input] === "object" ? given[input] : given;
  const found = codeOf(feature, row?.[feature.name] ?? null);
  return { ...feature, example: found ?? feature.example ?? null };
}

/** @param {Output} output @returns {string[]} */
function labelsOf(output) {
  if (!classifies(output)) return [];
  return output.classes ?? Array.from({ length: Math.max(output.shape[1], 0) }, (_, index) => String(index));
}

/**
 * The answer with the class of the output that the page shows first, and the other outputs.
 * @param {Card} card
 * @param {AnyPrediction} answer
 * @returns {AnyPrediction}
 */
export function leading({ output }, answer) {
  const { [output?.name ?? ""]: first, ...outputs } = answer.outputs ?? {};
  return isClass(first) ? { ...answer, ...first, outputs } : answer;
}

/** Whether an output is a class with its probabilities. @param {unknown} value @returns {value is Prediction} */
export function isClass(value) {
  return typeof value === "object" && value !== null && "probabilities" in value;
}

/**
 * The numbers of an answer as [output, value, interval]: outputs of one number each, the second of
 * two numbers around it being its interval. null if there are others.
 * @param {Output[]} outputs
 * @param {AnyPrediction["outputs"]} found
 */
export function numbersOf(outputs, found = {}) {
  const flat = outputs.map((output) => ({ output, values: [found[output.name]].flat() }));
  const interval = flat.find(
    ({ output: { name, kind }, values }) => name === "interval" && kind === "values" && values.length === 2,
  );
  const numbers = flat.filter((each) => each !== interval);
  if (numbers.some(({ values }) => values.length !== 1 || typeof values[0] !== "number")) return null;
  return numbers.map(({ output, values: [value] }, place) => ({
    output,
    value: /** @type {number} */ (value),
    interval: place === 0 ? /** @type {number[] | undefined} */ (interval?.values) : undefined,
  }));
}
