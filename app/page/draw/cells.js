/** A tensor's heatmap with its colour scale, the value of the chosen cell, and names for the axes. */

import { describeAxes, nameIndex } from "../model/indices.js";
import { element } from "./element.js";
import { Heatmap } from "./heatmap.js";
import { short } from "./number_text.js";

/**
 * @import { Card } from "../data/answers.js"
 * @import { Tensor } from "../data/npy.js"
 */

export class Cells {
  #heatmap;

  /**
   * @param {Card} card
   * @param {{ name: string, shape: number[], label?: string }} entry
   * @param {Tensor} values
   * @param {(flat: number) => string} describe  The value of a cell in words.
   */
  constructor(card, entry, values, describe) {
    const hint = "Choose a cell to read its value.";
    const readout = element("output", { class: "readout", "aria-live": "polite" }, hint);
    this.#heatmap = new Heatmap(entry.label ?? entry.name, values, (flat) => {
      readout.textContent = `${nameIndex(card, entry, flat)} = ${describe(flat)}`;
    });
    const { largest } = this.#heatmap;
    const scale = element(
      "div",
      { class: "scale", "aria-hidden": "true" },
      short(-largest),
      element("i"),
      short(largest),
    );
    const axes = element("p", { class: "note" }, describeAxes(card, entry));
    this.root = element("div", { class: "cells" }, this.#heatmap.root, scale, readout, axes);
  }

  /** @param {number} width  In CSS pixels, at most, if possible. */
  fit(width) {
    this.#heatmap.fit(width);
  }

  draw() {
    this.#heatmap.draw();
  }
}
