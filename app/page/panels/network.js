/** The network: units as circles, weights as edges, with their activations. */

import { classVariable, part, partOf, svg } from "../draw/element.js";
import { percent, short } from "../draw/number_text.js";
import { onWidth } from "../draw/width.js";
import { Wiring } from "../model/wiring.js";

/**
 * @import { Card, Explanation } from "../data/answers.js"
 * @import { Tensor } from "../data/npy.js"
 * @import { Instance } from "../model/instance.js"
 */
/** @typedef {(layer: number, unit: number) => [number, number]} Place  Where a unit is drawn. */

const ROW = 40;
const NARROW = 560;
const LONGEST_NAME = 18;

export class Network {
  #wiring;
  #classes;
  #instance;
  /** @type {Explanation | null} */
  #explanation = null;

  /** @param {Card} card @param {Instance} instance @param {Tensor} hidden @param {Tensor} output */
  constructor(card, instance, hidden, output) {
    this.#wiring = new Wiring(card, hidden, output);
    this.#classes = card.classes;
    this.#instance = instance;
    part("network-note").textContent = this.#wiring.note;
    part("network-modes").addEventListener("change", () => this.#draw());
    onWidth(part("network-drawing"), () => this.#draw());
  }

  /** Show the activations of an explanation; null hides them. @param {Explanation | null} explanation */
  show(explanation) {
    this.#explanation = explanation;
    part("network-modes").hidden = !explanation;
    this.#draw();
  }

  #draw() {
    const root = part("network-drawing");
    const width = Math.max(280, root.clientWidth);
    const { layers } = this.#wiring;
    const height = Math.max(...layers.map((layer) => layer.length)) * ROW + 24;
    const side = width < NARROW ? 14 : 190;
    const xs = [side, width / 2, width - side];
    /** @type {Place} */
    const at = (layer, unit) => {
      const gap = (height - 24) / layers[layer].length;
      return [xs[layer], 18 + gap * (unit + 0.5)];
    };
    const label = `Network of ${layers.map((layer) => layer.length).join(", ")} units; State has its weights as numbers`;
    root.replaceChildren(
      svg(
        "svg",
        { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
        ...this.#edges(at),
        ...layers.flatMap((layer, index) =>
          layer.map((unit, row) => this.#node(index, unit, at(index, row), width < NARROW)),
        ),
      ),
    );
  }

  /** @param {Place} at */
  #edges(at) {
    const flows = partOf(HTMLInputElement, "edges-contributions").checked;
    const edges = this.#wiring.edges.map((edge) => {
      const source = (flows ? this.#value(edge.layer, edge.source) : null) ?? 1;
      return { ...edge, value: edge.weight * source };
    });
    // Each pair of layers has its own scale, since their units differ.
    const largest = [0, 1].map((layer) =>
      Math.max(...edges.filter((edge) => edge.layer === layer).map((edge) => Math.abs(edge.value)), 1e-12),
    );
    // Many edges are drawn thin, to keep them distinct.
    const widest = 5.6 * Math.min(1, Math.sqrt(80 / edges.length));
    return edges.map(({ layer, from, to, weight, value }) => {
      const share = Math.abs(value) / largest[layer];
      const [[x1, y1], [x2, y2]] = [at(layer, from), at(layer + 1, to)];
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

  /** @param {number} layer @param {number} unit @param {[number, number]} place @param {boolean} narrow */
  #node(layer, unit, [x, y], narrow) {
    const circle = svg("circle", { cx: x, cy: y, r: layer === 1 ? 8 : 9, fill: this.#fill(layer, unit) });
    const end = layer === 2 ? 1 : -1;
    const outside = { x: x + end * 18, y: y + 4, "text-anchor": layer === 2 ? "start" : "end" };
    const above = { x: layer === 2 ? x + 9 : x - 9, y: y - 14, "text-anchor": layer === 2 ? "end" : "start" };
    const place = layer === 1 ? { x, y: y - 12, "text-anchor": "middle", class: "muted" } : narrow ? above : outside;
    // In a narrow drawing, the names of the inputs need the space.
    const text = layer === 1 && narrow ? "" : this.#text(layer, unit);
    return svg("g", {}, circle, svg("text", place, text));
  }

  /** @param {number} layer @param {number} unit */
  #text(layer, unit) {
    if (layer === 0) return `${cut(this.#wiring.names[unit])} ${short(this.#instance.values[unit])}`;
    const explanation = this.#explanation;
    if (layer === 1) return explanation ? short(this.#value(layer, unit), 3) : "";
    const name = this.#classes[unit];
    return explanation ? `${cut(name)} ${percent(explanation.probabilities[name])}` : cut(name);
  }

  /**
   * An output as likely as its class, a hidden unit as active as the most active one.
   * @param {number} layer
   * @param {number} unit
   */
  #fill(layer, unit) {
    if (!this.#explanation || layer === 0) return "var(--track)";
    const { activations, probabilities } = this.#explanation;
    const values = layer === 1 ? activations.act : this.#classes.map((name) => probabilities[name]);
    const share = values[unit] / Math.max(...values, 1e-12);
    const colour = layer === 2 ? classVariable(unit) : "var(--accent)";
    return `color-mix(in srgb, ${colour} ${Math.round(100 * Math.max(0, share))}%, var(--surface))`;
  }

  /** @param {number} layer @param {number} unit */
  #value(layer, unit) {
    return this.#explanation?.activations[["norm", "act", "output"][layer]][unit] ?? null;
  }
}

/** @param {string} name */
function cut(name) {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name;
}
