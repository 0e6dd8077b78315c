/** What the map, the curves and the contributions show of many rows. */

/**
 * @import { Card, Output } from "./answers.js"
 * @import { Api, Query } from "./api.js"
 * @import { Numbers, Tensor } from "./npy.js"
 */

/**
 * The probabilities of shape [rows, classes], or the values of shape [rows, values of one row]; with
 * `top`, the index and the probability of the most probable classes, [rows, 2 top]; with `number`,
 * one column of an output, [rows, 1].
 * @param {Api} api
 * @param {Card} card
 * @param {Float32Array} rows  In the card's order.
 * @param {Query} query
 * @param {{ output: Output, column: number }} [number]
 * @returns {Promise<Tensor>}
 */
export async function scores(api, { features, classes, output: first }, rows, query = {}, number = undefined) {
  const output = number?.output ?? first;
  const count = rows.length / features.length;
  const found = output
    ? (await api.outputs(rows, features.length, query))[output.name]
    : await api.probabilities(rows, features.length, query);
  if (!found) throw new Error(`The output ${output?.name} is ${output?.dtype}, which is not drawn.`);
  const { data } = found;
  if (classes.length && output && output.kind !== "probabilities" && !query.top) normalize(data, classes.length);
  const width = data.length / count;
  if (!number) return { shape: [count, width], data };
  const column = Float64Array.from({ length: count }, (_, row) => data[row * width + number.column]);
  return { shape: [count, 1], data: column };
}

/** Logits as probabilities, in place (log-probabilities, too). @param {Numbers} data @param {number} classes */
function normalize(data, classes) {
  for (let start = 0; start < data.length; start += classes) {
    let [highest, sum] = [-Infinity, 0];
    for (let place = start; place < start + classes; place += 1) highest = Math.max(highest, data[place]);
    for (let place = start; place < start + classes; place += 1) {
      data[place] = Math.exp(data[place] - highest);
      sum += data[place];
    }
    for (let place = start; place < start + classes; place += 1) data[place] /= sum;
  }
}
