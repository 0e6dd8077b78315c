/** The units and edges of a network that are drawn; of a large one, those with the largest weights. */

/**
 * @import { Card } from "../data/answers.js"
 * @import { Tensor } from "../data/npy.js"
 */

const MOST_UNITS = 24;
const MOST_EDGES = 600;

export class Wiring {
  /** @param {Card} card @param {Tensor} hidden  Weights of shape [out, in]. @param {Tensor} output  As `hidden`. */
  constructor(card, hidden, output) {
    const [units, inputs] = hidden.shape;
    const [outputs] = output.shape;
    const weights = [hidden, output];
    this.names = card.features.map((feature) => feature.name);
    this.layers = [
      heaviest(inputs, (input) => total(units, (unit) => hidden.data[unit * inputs + input])),
      heaviest(units, (unit) => total(outputs, (row) => output.data[row * units + unit])),
      heaviest(outputs, (row) => total(units, (unit) => output.data[row * units + unit])),
    ];
    const all = weights.flatMap(({ shape, data }, layer) =>
      this.layers[layer].flatMap((source, from) =>
        this.layers[layer + 1].map((target, to) => ({
          layer,
          source,
          from,
          to,
          weight: data[target * shape[1] + source],
        })),
      ),
    );
    this.edges = all
      .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
      .slice(0, MOST_EDGES)
      .reverse();
    const left = inputs + units + outputs - this.layers.flat().length;
    const cut = [left && `${left} units`, all.length > MOST_EDGES && `${all.length - MOST_EDGES} edges`].filter(
      Boolean,
    );
    this.note = cut.length ? `Left out as they weigh least: ${cut.join(" and ")}.` : "";
  }
}

/**
 * The units with the largest `weigh(unit)` of `count`, in order.
 * @param {number} count
 * @param {(unit: number) => number} weigh
 */
function heaviest(count, weigh) {
  const units = Array.from({ length: count }, (_, unit) => unit);
  if (count <= MOST_UNITS) return units;
  const weights = units.map(weigh);
  return units
    .sort((a, b) => weights[b] - weights[a])
    .slice(0, MOST_UNITS)
    .sort((a, b) => a - b);
}

/** @param {number} count @param {(index: number) => number} weight */
function total(count, weight) {
  let sum = 0;
  for (let index = 0; index < count; index += 1) sum += Math.abs(weight(index));
  return sum;
}
