/** The decision map: the service's answers over any two features, with the training rows. */

import { RequestQueue } from "../data/request_queue.js";
import { classColours, onScheme } from "../draw/colours.js";
import { element, instanceOf, part, select, swatch } from "../draw/element.js";
import { percent, short } from "../draw/number_text.js";
import { axis, separatingFeatures, tile } from "../model/plane.js";
import { onStep } from "../model/scale.js";
import { MapOverlay } from "./map_overlay.js";

/**
 * @import { Card } from "../data/answers.js"
 * @import { Api, Query } from "../data/api.js"
 * @import { Numbers, Tensor } from "../data/npy.js"
 * @import { Instance } from "../model/instance.js"
 * @import { Details } from "./details.js"
 */
/** @typedef {{ rows: Float32Array, query: Query }} Question */

const LARGEST_SIDE = 128;
const LARGEST_BODY = 2 ** 20;
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };

export class DecisionMap {
  #card;
  #instance;
  #details;
  #canvas;
  #overlay;
  #axes;
  #requests;
  #requested = "";
  /** @type {Tensor | null} */
  #answer = null;

  /** @param {Card} card @param {Instance} instance @param {Details} details @param {Api} api */
  constructor(card, instance, details, api) {
    this.#card = card;
    this.#instance = instance;
    this.#details = details;
    const width = card.features.length;
    this.side = Math.min(LARGEST_SIDE, Math.max(2, Math.floor(Math.sqrt(LARGEST_BODY / 4 / width))));
    const plane = part("plane");
    this.#canvas = instanceOf(HTMLCanvasElement, plane.querySelector(".answers"));
    this.#requests = new RequestQueue(
      (/** @type {Question} */ { rows, query }) => api.probabilities(rows, width, query),
      (answer) => this.#show(answer),
      (error) => this.#show(null, error.message),
    );
    const [first, second = first] = separatingFeatures(card);
    this.#axes = { across: axis(card, first), up: axis(card, second) };
    this.#overlay = new MapOverlay(plane, card, instance, this.#axes);
    this.#offerAxes();
    this.#refresh();
    this.#listen(plane);
    for (const changing of [instance, details]) changing.addEventListener("change", () => this.#refresh());
    onScheme(() => this.#paint());
    part("legend").replaceChildren(...card.classes.map((name, index) => element("li", {}, swatch(index), name)));
    part("map-help").textContent =
      `The colour is the answer at each point while all other features stay as they are; the fainter, the less sure. ${
        card.training_rows ? "Dots are training rows, seen along these two features alone. " : ""
      }${card.features[0].minimum === null ? "" : "The dashed frame is the training range. "}Click, drag or use the arrow keys to move the input.`;
  }

  /** Mark the counterfactual, or nothing. @param {number[] | null} values */
  markCounterfactual(values) {
    this.#overlay.mark(values);
  }

  #offerAxes() {
    const selects = [select("map-x"), select("map-y")];
    selects.forEach((chosen, index) => {
      chosen.replaceChildren(
        ...this.#card.features.map(({ name }, place) => element("option", { value: place }, name)),
      );
      chosen.value = String(this.#places()[index]);
      chosen.addEventListener("change", () => {
        const other = selects[1 - index];
        // Two axes with the same feature would be a line, so the features change places.
        if (other.value === chosen.value) other.value = String(this.#places()[index]);
        const [across, up] = selects.map(({ value }) => axis(this.#card, Number(value)));
        this.#axes = { across, up };
        this.#overlay.use(this.#axes);
        this.#refresh();
      });
    });
  }

  #places() {
    return [this.#axes.across.place, this.#axes.up.place];
  }

  /** Request new answers, unless only the two features on the axes have changed. */
  #refresh() {
    this.#overlay.draw();
    const places = this.#places();
    const others = this.#instance.values.map((value, place) => (places.includes(place) ? null : value));
    const query = this.#details.calibration;
    const requested = JSON.stringify([places, query, others]);
    if (requested === this.#requested) return;
    this.#requested = requested;
    this.#requests.want({ rows: tile(this.#instance.values, this.#axes, this.side), query });
  }

  /** @param {Tensor | null} answer @param {string} failure */
  #show(answer, failure = "") {
    this.#answer = answer;
    part("map-readout").textContent = failure;
    this.#paint();
  }

  #paint() {
    const { side } = this;
    // Setting a size also clears the canvas.
    this.#canvas.width = side;
    this.#canvas.height = side;
    if (!this.#answer) return;
    const colours = classColours(this.#card.classes.length);
    const image = new ImageData(side, side);
    for (let cell = 0; cell < side * side; cell += 1) {
      const { index, sureness } = this.#at(this.#answer.data, cell);
      image.data.set([...colours[index], Math.round(255 * (0.22 + 0.58 * sureness))], 4 * cell);
    }
    this.#canvas.getContext("2d")?.putImageData(image, 0, 0);
  }

  /**
   * The most probable class of a cell, and its probability scaled from 1 / classes..1 to 0..1.
   * @param {Numbers} data
   * @param {number} cell
   */
  #at(data, cell) {
    const count = this.#card.classes.length;
    const row = data.subarray(cell * count, (cell + 1) * count);
    const probability = Math.max(...row);
    return { index: row.indexOf(probability), probability, sureness: (probability * count - 1) / (count - 1) };
  }

  /** @param {HTMLElement} plane */
  #listen(plane) {
    const move = (/** @type {MouseEvent} */ event) => this.#moveTo(this.#overlay.valuesAt(event));
    plane.addEventListener("click", move);
    // A finger scrolls the page, and sets the input by a tap.
    plane.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "touch") plane.setPointerCapture(event.pointerId);
    });
    plane.addEventListener("pointermove", (event) => {
      if (plane.hasPointerCapture(event.pointerId)) move(event);
      this.#read(this.#overlay.valuesAt(event));
    });
    plane.addEventListener("pointerleave", () => part("map-readout").replaceChildren());
    plane.addEventListener("keydown", (event) => {
      const arrow = ARROWS[event.key];
      if (!arrow) return;
      event.preventDefault();
      const steps = event.shiftKey ? 10 : 1;
      const now = this.#places().map((place) => this.#instance.values[place]);
      const { across, up } = this.#axes;
      this.#moveTo([now[0] + arrow[0] * steps * across.step, now[1] + arrow[1] * steps * up.step]);
    });
  }

  /** @param {number[]} values  [across, up] */
  #moveTo(values) {
    const axes = [this.#axes.across, this.#axes.up];
    this.#instance.change(
      Object.fromEntries(
        axes.map(({ place, low, high, step }, index) => [
          place,
          onStep(Math.min(high, Math.max(low, values[index])), step),
        ]),
      ),
    );
  }

  /** @param {number[]} values  [across, up] */
  #read(values) {
    const { across, up } = this.#axes;
    const { side } = this;
    const column = Math.floor(((values[0] - across.low) / (across.high - across.low)) * side);
    const line = Math.floor(((up.high - values[1]) / (up.high - up.low)) * side);
    if (!this.#answer || Math.min(column, line) < 0 || Math.max(column, line) >= side) return;
    const { index, probability } = this.#at(this.#answer.data, line * side + column);
    const at = [across, up].map(({ name, unit }, place) => `${name} ${short(values[place], 3)} ${unit ?? ""}`.trim());
    part("map-readout").textContent = `${at.join(", ")}: ${this.#card.classes[index]} ${percent(probability)}`;
  }
}
