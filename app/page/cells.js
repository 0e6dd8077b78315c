/** A tensor's heatmap with its colour scale, a line that tells a value, and what the axes are. */

import { element } from "./element.js";
import { Heatmap } from "./heatmap.js";
import { describeAxes, nameIndex } from "./indices.js";
import { short } from "./scale.js";

export class Cells {
  #heatmap;

  /** `entry` has a name, a shape and perhaps a label, `values` are its {shape, data}; `tell(flat)` says in words
   * what a chosen cell holds. At most `width` CSS pixels wide where that is possible. */
  constructor(card, entry, values, width, tell) {
    const hint = "Choose a cell to read its value.";
    const readout = element("output", { class: "readout", "aria-live": "polite" }, hint);
    this.#heatmap = new Heatmap(entry.label ?? entry.name, values, width, (flat) => {
      readout.textContent = `${nameIndex(card, entry, flat)} = ${tell(flat)}`;
    });
    const { largest } = this.#heatmap;
    const scale = element("div", { class: "scale", "aria-hidden": "true" }, short(-largest), element("i"), short(largest));
    const axes = element("p", { class: "note" }, describeAxes(card, entry));
    this.root = element("div", { class: "cells" }, this.#heatmap.root, scale, readout, axes);
  }

  draw() {
    this.#heatmap.draw();
  }
}
