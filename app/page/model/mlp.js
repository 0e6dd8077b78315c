/** A module of Linear layers one after the other, found by its layers, and what flows through it. */

/**
 * @import { Activation, Layer } from "../data/answers.js"
 * @import { Tensor } from "../data/npy.js"
 */
/** @typedef {{ layer: Layer, inputs: number, outputs: number, bias: boolean, after: string[] }} Linear */
/** @typedef {{ linears: Linear[], around: Linear | null, before: string[] }} Mlp */
/** @typedef {{ weight: Tensor, bias: Tensor | null }} Weights */

import { flatValues } from "./activation.js";

const LINEAR = /^Linear\(in_features=(\d+), out_features=(\d+), bias=(True|False)\)$/;
const KEEPS_WIDTH = /Norm|^PReLU$/;
const MOST_LINEARS = 6;
const MOST_WEIGHTS = 40_000;
/** What may stand between two layers without being one: functions that a forward calls. */
const FUNCTIONS = [
  (/** @type {number} */ x) => x,
  (/** @type {number} */ x) => Math.max(0, x),
  Math.tanh,
  (/** @type {number} */ x) => 1 / (1 + Math.exp(-x)),
];

/**
 * The Linear layers, each with the names of the layers `after` it; `before` are those before the
 * first, and `around` goes from the first's inputs to the last's outputs. null: the module is another.
 * @param {Layer[]} layers
 * @returns {Mlp | null}
 */
export function mlpOf(layers) {
  const leaves = layers.filter(({ name }) => name && !layers.some((other) => other.name.startsWith(`${name}.`)));
  /** @type {Mlp} */
  const found = { linears: [], around: null, before: [] };
  for (const layer of leaves) {
    const linear = linearOf(layer);
    const last = found.linears.at(-1);
    if (!linear) {
      if (layer.parameters && !KEEPS_WIDTH.test(layer.type)) return null;
      (last?.after ?? found.before).push(layer.name);
    } else if (!last || linear.inputs === last.outputs) found.linears.push(linear);
    else if (found.around || linear.inputs !== found.linears[0].inputs || linear.outputs !== last.outputs) return null;
    else found.around = linear;
  }
  const all = [...found.linears, ...(found.around ? [found.around] : [])];
  const weights = all.reduce((sum, { inputs, outputs }) => sum + inputs * outputs, 0);
  return all.length && all.length <= MOST_LINEARS && weights <= MOST_WEIGHTS ? found : null;
}

/** @param {Layer} layer @returns {Linear | null} */
function linearOf(layer) {
  const found = LINEAR.exec(layer.text);
  if (!found) return null;
  const [inputs, outputs] = [Number(found[1]), Number(found[2])];
  const bias = found[3] === "True";
  // Other numbers: the weight is computed from others. A sequence has a row for each of its elements.
  const plain = layer.parameters === (inputs + (bias ? 1 : 0)) * outputs;
  const [shape] = layer.output_shapes ?? [];
  const alone = shape?.reduce((product, length) => product * length, 1) === outputs;
  return plain && alone ? { layer, inputs, outputs, bias, after: [] } : null;
}

/**
 * The values of each column of units: of the inputs, and behind each Linear. A column is null if it
 * is not known what the next Linear got.
 * @param {Mlp} mlp
 * @param {Weights[]} weights  Of `linears`.
 * @param {Activation[]} activations
 * @param {readonly number[]} inputs  Those of the instance.
 * @returns {(number[] | null)[]}
 */
export function flow({ linears, before }, weights, activations, inputs) {
  const values = new Map(activations.map((each) => [each.layer, flatValues(each)]));
  const lastOf = (/** @type {string[]} */ names, /** @type {number} */ width) =>
    names.map((name) => values.get(name)).findLast((each) => each?.length === width) ?? null;
  return [...linears, null].map((linear, column) => {
    const source = linears[column - 1];
    const given = source
      ? (lastOf(source.after, source.outputs) ?? lastOf([source.layer.name], source.outputs))
      : (lastOf(before, linears[0].inputs) ?? (inputs.length === linears[0].inputs ? [...inputs] : null));
    if (!linear || !given) return given;
    const wanted = values.get(linear.layer.name);
    const results = FUNCTIONS.map((apply) => given.map((value) => apply(value)));
    return wanted ? (results.find((each) => agree(apply(weights[column], each), wanted)) ?? null) : given;
  });
}

/** What a Linear gives. @param {Weights} weights @param {number[]} values */
function apply({ weight: { shape, data }, bias }, values) {
  const [outputs, inputs] = shape;
  return Array.from({ length: outputs }, (_, row) =>
    values.reduce((sum, value, place) => sum + value * data[row * inputs + place], bias ? bias.data[row] : 0),
  );
}

/** @param {number[]} found @param {number[]} wanted */
function agree(found, wanted) {
  const size = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  return found.every((value, place) => Math.abs(value - wanted[place]) <= 1e-3 * size);
}
