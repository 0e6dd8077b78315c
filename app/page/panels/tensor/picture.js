/** The values of a tensor or a slice: each as a cell, or the means of blocks of a large one. */

import { Cells } from "../../draw/cells.js";
import { element } from "../../draw/element.js";
import { Heatmap } from "../../draw/heatmap.js";
import { digits, short } from "../../draw/number_text.js";
import { boundsOf, gridOf, sliceAround } from "../../model/blocks.js";
import { drawKernels, kernelSlice } from "./kernels.js";

/**
 * @import { Card, Outlined } from "../../data/answers.js"
 * @import { Api } from "../../data/api.js"
 * @import { Tensor } from "../../data/npy.js"
 */
/** @typedef {{ entry: Outlined, slice: string, values: Tensor | null, blocks: Tensor | null, read: number, kernels: Tensor | null }} Loaded */

/** Of which every value is sent and drawn. */
const MOST_VALUES = 20_480;
/** In CSS pixels. */
const WIDEST = 640;

/** @param {Api} api @param {Outlined} entry @param {string} slice @returns {Promise<Loaded>} */
export async function loadPicture(api, entry, slice) {
  const { name, shape, elements } = entry;
  const grid = gridOf(shape);
  const none = { entry, slice, values: null, blocks: null, read: 0, kernels: null };
  const wanted = kernelSlice(shape);
  const kernels = wanted && !slice ? await api.tensor(name, wanted) : null;
  if (elements <= MOST_VALUES) return { ...none, kernels, values: await api.tensor(name, slice) };
  const { blocks, read } = await api.blocks(name, { slice, ...grid });
  if (read > MOST_VALUES || !slice) return { ...none, kernels, blocks, read };
  return { ...none, values: await api.tensor(name, slice) };
}

/** @param {Card} card @param {Loaded} loaded @param {(slice: string) => void} zoom */
export function drawPicture(card, loaded, zoom) {
  const { entry, slice, values, kernels } = loaded;
  const title = { name: slice ? `${entry.name}[${slice}]` : entry.name, shape: values?.shape ?? entry.shape };
  const picture = values
    ? new Cells(card, title, values, (flat) => digits(values.data[flat], entry.dtype))
    : new BlockPicture(loaded, zoom);
  const tiles = kernels && drawKernels(entry, kernels);
  return {
    root: element("div", { class: "pictures-of-values" }, picture.root, ...(tiles ? [tiles.root] : [])),
    fit: (/** @type {number} */ width) => picture.fit(Math.min(width, WIDEST)),
    draw: () => {
      picture.draw();
      tiles?.draw();
    },
  };
}

class BlockPicture {
  #heatmap;

  /** @param {Loaded} loaded @param {(slice: string) => void} zoom */
  constructor({ entry, slice, blocks, read }, zoom) {
    const { shape, data } = /** @type {Tensor} */ (blocks);
    const [, rows, columns] = shape;
    const cells = rows * columns;
    const [mean, low, high] = [0, 1, 2].map((plane) => data.subarray(plane * cells, (plane + 1) * cells));
    const readout = element("output", { class: "readout", "aria-live": "polite" }, "Choose a block to read it.");
    const open = element("button", { type: "button", hidden: true }, "Show its values");
    const whole = { ...gridOf(entry.shape), rows, columns };
    let chosen = 0;
    this.#heatmap = new Heatmap(`${entry.name}, means of blocks`, { shape: [rows, columns], data: mean }, (flat) => {
      chosen = flat;
      const { top, bottom, left, right } = boundsOf(whole, flat);
      const where = slice ? `Block ${flat}` : `Rows ${top} to ${bottom - 1}, columns ${left} to ${right - 1}`;
      readout.textContent = `${where}: mean ${short(mean[flat])}, from ${short(low[flat])} to ${short(high[flat])}`;
      open.hidden = slice !== "";
    });
    open.addEventListener("click", () => zoom(sliceAround(entry.shape, whole, chosen)));
    const sampled = !slice && read < entry.elements;
    const note = `Each cell is the mean of a block of the ${
      slice ? "slice" : `${whole.lines.toLocaleString("en")} rows and ${whole.width.toLocaleString("en")} columns`
    }.${entry.shape.length > 2 ? " Rows are the first axis, columns all others together." : ""}${
      sampled ? ` Of ${entry.elements.toLocaleString("en")} values, ${read.toLocaleString("en")} were read.` : ""
    }`;
    const { largest } = this.#heatmap;
    this.root = element(
      "div",
      { class: "cells" },
      this.#heatmap.root,
      element("div", { class: "scale", "aria-hidden": "true" }, short(-largest), element("i"), short(largest)),
      readout,
      open,
      element("p", { class: "note" }, note),
    );
  }

  /** @param {number} width */
  fit(width) {
    this.#heatmap.fit(width);
  }

  draw() {
    this.#heatmap.draw();
  }
}
