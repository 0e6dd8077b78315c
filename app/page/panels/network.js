/** The network: units as circles, weights as edges, with their activations. */

import { classVariable, part, partOf, svg } from "../draw/element.js";
import { whenInView } from "../draw/in_view.js";
import { cut, probabilityText, short } from "../draw/number_text.js";
import { onWidth } from "../draw/width.js";
import { encodedNames } from "../model/encoded.js";
import { flow } from "../model/mlp.js";
import { Wiring } from "../model/wiring.js";

/**
 * @import { Activation, Layer, Model } from "../data/answers.js"
 * @import { Api } from "../data/api.js"
 * @import { Name } from "../model/encoded.js"
 * @import { Mlp, Weights } from "../model/mlp.js"
 */
/** @typedef {(place: [number, number]) => [number, number]} Place  Where the unit of a column and a row is drawn. */

const ROW = 40;
const NARROW = 560;
const LONGEST_NAME = 18;
const LONGEST_PART = 13;
const UNKNOWN = "Units without a number: the code computes more between these layers than is drawn.";

export class Network {
  #api;
  #mlp;
  #card;
  #inputs;
  /** @type {Weights[]} */
  #weights = [];
  /** @type {Wiring | null} */
  #wiring = null;
  /** @type {Activation[] | null} */
  #activations = null;
  /** By column. @type {(number[] | null)[]} */
  #values = [];
  /** Those of the outputs. @type {number[] | null} */
  #probabilities = null;
  /** The names of a table's columns as the first Linear gets them. @type {Name[] | null} */
  #encoded = null;
  #soon = whenInView(part("network"));

  /**
   * @param {Api} api
   * @param {Model} model
   * @param {Mlp} mlp
   * @param {() => readonly number[]} inputs  The numbers that the model gets.
   */
  constructor(api, { card, layers }, mlp, inputs) {
    this.#api = api;
    this.#mlp = mlp;
    this.#card = card;
    this.#inputs = inputs;
    part("network-modes").addEventListener("change", () => this.#draw());
    onWidth(part("network-drawing"), () => this.#draw());
    this.#load(layers).catch((error) => part("network-drawing").replaceChildren(error.message));
  }

  /** Show the activations of the current input; null hides them. @param {Activation[] | null} activations */
  show(activations) {
    this.#activations = activations;
    part("network-modes").hidden = !activations;
    this.#soon(() => this.#draw());
  }

  /** @param {Layer[]} layers */
  async #load(layers) {
    const { linears, around } = this.#mlp;
    const tensors = (/** @type {string} */ layer, /** @type {string[]} */ names) =>
      Promise.all(names.map((name) => this.#api.tensor(`${layer}.${name}`)));
    const all = [...linears, ...(around ? [around] : [])];
    const loaded = await Promise.all(
      all.map(({ layer, bias }) => tensors(layer.name, bias ? ["weight", "bias"] : ["weight"])),
    );
    this.#encoded = await encodedNames(this.#api, layers, this.#card.features);
    this.#weights = loaded.map(([weight, bias = null]) => ({ weight, bias }));
    const widths = [linears[0].inputs, ...linears.map(({ outputs }) => outputs)];
    const bundles = this.#weights.map(({ weight }, place) =>
      place < linears.length ? { from: place, to: place + 1, weight } : { from: 0, to: linears.length, weight },
    );
    this.#wiring = new Wiring(widths, bundles);
    this.#soon(() => this.#draw());
  }

  #draw() {
    if (!this.#wiring) return;
    this.#read(this.#activations);
    const unknown = this.#activations && this.#values.some((column) => !column);
    part("network-note").textContent = [this.#wiring.note, unknown ? UNKNOWN : ""].join(" ");
    const root = part("network-drawing");
    const width = Math.max(280, root.clientWidth);
    const narrow = width < NARROW;
    const { columns } = this.#wiring;
    const height = Math.max(...columns.map((units) => units.length)) * ROW + 24;
    const side = narrow ? 14 : 210;
    const gap = (width - 2 * side) / (columns.length - 1);
    /** @type {Place} */
    const at = ([column, row]) => [side + gap * column, 18 + ((height - 24) / columns[column].length) * (row + 0.5)];
    const label = `Network of ${columns.map((units) => units.length).join(", ")} units; State has its weights as numbers`;
    root.replaceChildren(
      svg(
        "svg",
        { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
        ...this.#edges(this.#wiring, at),
        ...columns.flatMap((units, column) =>
          units.map((unit, row) => this.#node(column, unit, at([column, row]), narrow)),
        ),
      ),
    );
  }

  /** @param {Activation[] | null} activations */
  #read(activations) {
    const { linears, around } = this.#mlp;
    this.#values = activations ? flow(this.#mlp, this.#weights, activations, this.#inputs()) : [];
    const last = this.#values.at(-1);
    const { classes, output } = this.#card;
    // A softmax of log-probabilities changes nothing.
    const known = last && !around && classes.length === linears.at(-1)?.outputs;
    this.#probabilities = !known ? null : output?.kind === "probabilities" ? last : softmax(last);
  }

  /** @param {Wiring} wiring @param {Place} at */
  #edges({ edges }, at) {
    const flows = partOf(HTMLInputElement, "edges-contributions").checked;
    const drawn = edges.map((edge) => {
      const source = (flows ? this.#values[edge.from[0]]?.[edge.source] : null) ?? 1;
      return { ...edge, value: edge.weight * source };
    });
    // The weights between two columns have their own scale, since their units differ.
    const largest = this.#weights.map((_, bundle) =>
      Math.max(...drawn.filter((edge) => edge.bundle === bundle).map((edge) => Math.abs(edge.value)), 1e-12),
    );
    // Many edges are drawn thin, to keep them distinct.
    const widest = 5.6 * Math.min(1, Math.sqrt(80 / drawn.length));
    return drawn.map(({ bundle, from, to, weight, value }) => {
      const share = Math.abs(value) / largest[bundle];
      const [[x1, y1], [x2, y2]] = [at(from), at(to)];
      const middle = (x1 + x2) / 2;
      return svg(
        "path",
        {
          d: `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`,
          class: value < 0 ? "negative" : "positive",
          fill: "none",
          "stroke-width": 0.4 + widest * share,
          "stroke-opacity": 0.15 + 0.7 * share,
        },
        svg("title", {}, `weight ${short(weight)}`),
      );
    });
  }

  /** @param {number} column @param {number} unit @param {[number, number]} place @param {boolean} narrow */
  #node(column, unit, [x, y], narrow) {
    const last = column === this.#mlp.linears.length;
    const inner = column > 0 && !last;
    const circle = svg("circle", { cx: x, cy: y, r: inner ? 8 : 9, fill: this.#fill(column, unit, last) });
    const end = last ? 1 : -1;
    const outside = { x: x + end * 18, y: y + 4, "text-anchor": last ? "start" : "end" };
    const above = { x: x - end * 9, y: y - 14, "text-anchor": last ? "end" : "start" };
    const place = inner ? { x, y: y - 12, "text-anchor": "middle", class: "muted" } : narrow ? above : outside;
    // In a narrow drawing, the names of the inputs need the space.
    const text = inner && narrow ? "" : this.#text(column, unit, last);
    return svg("g", {}, circle, svg("text", place, text));
  }

  /** @param {number} column @param {number} unit @param {boolean} last */
  #text(column, unit, last) {
    const value = this.#values[column]?.[unit];
    const { features, classes, target, output } = this.#card;
    if (column === 0) {
      const inputs = this.#inputs();
      const named = features.length === this.#mlp.linears[0].inputs;
      const shown = named && inputs.length === features.length ? inputs[unit] : value;
      const { feature, part } = this.#encoded?.[unit] ?? { feature: `input ${unit}`, part: "" };
      const rest = cut(part, LONGEST_PART);
      const name = named ? cut(features[unit].name, LONGEST_NAME) : cut(feature, LONGEST_NAME - rest.length) + rest;
      return `${name}${shown === undefined ? "" : `: ${short(shown, named ? 4 : 3)}`}`;
    }
    if (!last) return value === undefined ? "" : short(value, 3);
    const { outputs } = this.#mlp.linears[column - 1];
    const alone = outputs === 1 ? (target ?? output?.name) : null;
    const name = cut((classes.length === outputs ? classes[unit] : alone) ?? `output ${unit}`, LONGEST_NAME);
    if (this.#probabilities) return `${name}: ${probabilityText(this.#probabilities[unit])}`;
    return value === undefined || this.#mlp.around ? name : `${name}: ${short(value)}`;
  }

  /**
   * An output as likely as its class, another unit as active as the most active one.
   * @param {number} column
   * @param {number} unit
   * @param {boolean} last
   */
  #fill(column, unit, last) {
    const values = last ? this.#probabilities : this.#values[column];
    if (!values || column === 0) return "var(--track)";
    const share = values[unit] / Math.max(...values, 1e-12);
    const colour = last ? classVariable(unit) : "var(--accent)";
    return `color-mix(in srgb, ${colour} ${Math.round(100 * Math.max(0, share))}%, var(--surface))`;
  }
}

/** @param {number[]} values */
function softmax(values) {
  const highest = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - highest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
