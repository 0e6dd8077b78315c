/** The units and edges of a network that are drawn; of a large one, those with the largest weights. */

/** @import { Tensor } from "../data/npy.js" */
/** @typedef {{ from: number, to: number, weight: Tensor }} Bundle  The weights between two columns of units, [to, from]. */
/** @typedef {{ bundle: number, source: number, from: [number, number], to: [number, number], weight: number }} Edge  `from` and `to` are column and row in the drawing. */

const MOST_UNITS = 24;
const MOST_EDGES = 600;

export class Wiring {
  /** @param {number[]} widths  Of the columns. @param {Bundle[]} bundles */
  constructor(widths, bundles) {
    this.columns = widths.map((width, column) => heaviest(width, (unit) => weigh(bundles, column, unit)));
    const all = bundles.flatMap(({ from, to, weight: { shape, data } }, bundle) =>
      this.columns[from].flatMap((source, place) =>
        this.columns[to].map((target, row) => ({
          bundle,
          source,
          from: /** @type {[number, number]} */ ([from, place]),
          to: /** @type {[number, number]} */ ([to, row]),
          weight: data[target * shape[1] + source],
        })),
      ),
    );
    /** @type {Edge[]} */
    this.edges = all
      .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
      .slice(0, MOST_EDGES)
      .reverse();
    const left = widths.reduce((sum, width) => sum + width, 0) - this.columns.flat().length;
    const cut = [left && `${left} units`, all.length > MOST_EDGES && `${all.length - MOST_EDGES} edges`].filter(
      Boolean,
    );
    this.note = cut.length ? `Left out as they weigh least: ${cut.join(" and ")}.` : "";
  }
}

/** The sum of the sizes of a unit's weights: those to the next column, of the last column those from before. @param {Bundle[]} bundles @param {number} column @param {number} unit */
function weigh(bundles, column, unit) {
  const after = bundles.filter(({ from }) => from === column);
  const sums = (after.length ? after : bundles.filter(({ to }) => to === column)).map(({ weight: { shape, data } }) => {
    const [outputs, inputs] = shape;
    return after.length
      ? total(outputs, (row) => data[row * inputs + unit])
      : total(inputs, (place) => data[unit * inputs + place]);
  });
  return sums.reduce((sum, each) => sum + each, 0);
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
