/** A tensor as coloured cells, chosen by a click or the arrow keys. */

import { css, diverging, inkOn } from "./colours.js";
import { element } from "./element.js";
import { fitting } from "./number_text.js";
import { Surface } from "./surface.js";

/** @import { Tensor } from "../data/npy.js" */

export const MOST_CELLS = 1_000_000;
const WRAP = 32;
/** The least cell with a text in it, the width of a character, and the room beside the text, in CSS pixels. */
const TEXT = { width: 44, height: 20, character: 7, margin: 6 };
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

export class Heatmap {
  #data;
  #columns;
  #lines;
  #cell = { width: 0, height: 0 };
  #canvas;
  /** @type {number | null} */
  #selected = null;
  #surface;
  #choose;

  /**
   * @param {string} name
   * @param {Tensor} tensor
   * @param {(flat: number) => void} choose  Gets the flat index of each cell that is chosen.
   */
  constructor(name, { shape, data }, choose) {
    this.#data = data;
    this.#choose = choose;
    this.largest = largestOf(data);
    this.#columns = shape.length > 1 ? data.length / (shape[0] || 1) : Math.min(WRAP, Math.max(1, data.length));
    this.#lines = Math.ceil(data.length / this.#columns);
    const label = `${name}, ${shape.join(" × ") || "a number"}: the arrow keys choose a value`;
    const canvas = element("canvas", { tabindex: 0, role: "application", "aria-label": label });
    this.#canvas = canvas;
    this.root = element("div", { class: "heatmap" }, canvas);
    this.#surface = new Surface(canvas, (context) => this.#paint(context));
    canvas.addEventListener("click", (event) => {
      this.#select(Math.floor(event.offsetY / this.#cell.height), Math.floor(event.offsetX / this.#cell.width));
    });
    canvas.addEventListener("keydown", (event) => this.#press(event));
  }

  /** Take this width, which a folded panel has not yet. @param {number} width  In CSS pixels, at most, if possible. */
  fit(width) {
    if (!width) return;
    const across = Math.max(3, Math.min(56, Math.floor(width / this.#columns)));
    this.#cell = { width: across, height: Math.min(28, across) };
    this.#canvas.style.width = `${this.#columns * this.#cell.width}px`;
    this.#canvas.style.height = `${this.#lines * this.#cell.height}px`;
    this.draw();
  }

  draw() {
    this.#surface.draw();
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const arrow = ARROWS[event.key];
    if (!arrow) return;
    event.preventDefault();
    const now = this.#selected ?? 0;
    const [line, column] = [Math.floor(now / this.#columns), now % this.#columns];
    // The first press chooses the first cell.
    const step = this.#selected === null ? [0, 0] : arrow;
    this.#select(line + step[0], column + step[1]);
  }

  /** @param {number} line @param {number} column */
  #select(line, column) {
    const flat = line * this.#columns + column;
    if (line < 0 || column < 0 || column >= this.#columns || flat >= this.#data.length) return;
    this.#selected = flat;
    this.draw();
    this.#choose(flat);
  }

  /** @param {CanvasRenderingContext2D} context */
  #paint(context) {
    const { width, height } = this.#cell;
    const colour = diverging();
    const largest = this.largest || 1;
    const gap = width >= 8 ? 1 : 0;
    context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    const odd = css("var(--alarm)");
    for (const [flat, value] of this.#data.entries()) {
      const [x, y] = [(flat % this.#columns) * width, Math.floor(flat / this.#columns) * height];
      const shade = Number.isFinite(value) ? colour(value / largest) : null;
      context.fillStyle = shade ? `rgb(${shade.join(" ")})` : odd;
      context.fillRect(x, y, width - gap, height - gap);
      const text =
        width < TEXT.width || height < TEXT.height ? "" : fitting(value, (width - TEXT.margin) / TEXT.character);
      context.fillStyle = shade ? inkOn(shade) : css("var(--surface)");
      context.fillText(text, x + width / 2, y + height / 2);
    }
    if (this.#selected === null) return;
    const [x, y] = [(this.#selected % this.#columns) * width, Math.floor(this.#selected / this.#columns) * height];
    context.strokeStyle = css("var(--ink)");
    context.lineWidth = 2;
    context.strokeRect(x + 1, y + 1, width - 2 - gap, height - 2 - gap);
  }
}

/** The largest absolute value among the finite ones. @param {Iterable<number>} data */
function largestOf(data) {
  let largest = 0;
  for (const value of data) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
  return largest;
}
