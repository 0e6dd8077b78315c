/** The names of the numbers that a table's first layer makes of its columns: `Columns` in stateserve/model/architectures/columns.py. */

/**
 * @import { Feature, Layer } from "../data/answers.js"
 * @import { Api } from "../data/api.js"
 */

const BUFFERS = ["number", "indicator", "category", "code", "edge_column", "edge_low", "edge_high"];

/** @typedef {{ feature: string, part: string }} Name  `part` says which number of the feature it is. */

/**
 * In the layer's order; null if the module has no such layer.
 * @param {Api} api
 * @param {Layer[]} layers
 * @param {Feature[]} features
 * @returns {Promise<Name[] | null>}
 */
export async function encodedNames(api, layers, features) {
  const found = layers.find(({ type }) => type === "Columns");
  if (!found || !features.length) return null;
  const tensors = await Promise.all(BUFFERS.map((name) => api.tensor(`${found.name}.${name}`)));
  const [numbers, indicators, categories, codes, edges, lows, highs] = tensors.map(({ data }) => [...data]);
  const name = (/** @type {number} */ place, /** @type {string} */ part) => ({ feature: features[place].name, part });
  return [
    ...numbers.map((place) => name(place, ", scaled")),
    ...indicators.map((place) => name(place, " missing")),
    ...categories.map((place, row) => name(place, ` = ${textOf(features[place], codes[row])}`)),
    ...edges.map((place, row) => name(place, ` ${rangeText(lows[row], highs[row])}`)),
  ];
}

/** With as few digits, but at least three, as distinguish the ends. @param {number} low @param {number} high */
function rangeText(low, high) {
  let texts = ["", ""];
  for (let digits = 3; texts[0] === texts[1] && digits < 10; digits += 1)
    texts = [low, high].map((end) => String(Number(end.toPrecision(digits))));
  return texts.join(" to ");
}

/** After the values come that of other texts, if they are accepted, and that of a missing value. @param {Feature} feature @param {number} code */
function textOf({ values, other }, code) {
  return values?.[code] ?? (other && code === values?.length ? "(another text)" : "(missing)");
}
