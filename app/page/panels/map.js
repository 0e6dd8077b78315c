/** The decision map: the service's answers over any two features, with the training rows. */

import { RequestQueue, sparing } from "../data/request_queue.js";
import { scores } from "../data/scores.js";
import { classColours, onScheme } from "../draw/colours.js";
import { element, instanceOf, part, select, swatch } from "../draw/element.js";
import { whenInView } from "../draw/in_view.js";
import { probabilityText, short } from "../draw/number_text.js";
import { axis, matteringFeatures, numberPlaces, separatingFeatures, tile } from "../model/plane.js";
import { onStep } from "../model/scale.js";
import { MapOverlay } from "./map_overlay.js";
import { offerNumbers } from "./number_choice.js";

/**
 * @import { Card } from "../data/answers.js"
 * @import { Api, Query } from "../data/api.js"
 * @import { Numbers, Tensor } from "../data/npy.js"
 * @import { AnsweredNumber } from "../model/answered_number.js"
 * @import { Instance } from "../model/instance.js"
 * @import { TrainingRows } from "../model/training_rows.js"
 * @import { Details } from "./details.js"
 */
/** @typedef {{ rows: Float32Array, query: Query, number: AnsweredNumber | undefined }} Question */

const LARGEST_SIDE = 64;
/** In the rows of a request and of its answer together. */
const MOST_NUMBERS = 2 ** 16;
const MOST_IN_LEGEND = 10;
/** Names of more characters have a line for each axis. */
const LONG_NAME = 20;
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };

export class DecisionMap {
  #card;
  #instance;
  #details;
  /** The one that is shown; undefined for classes. @type {AnsweredNumber | undefined} */
  #number;
  #canvas;
  #overlay;
  #axes;
  #requests;
  #requested = "";
  /** Whether the axes are known: without training rows they are those of the first explanation. */
  #begun;
  #soon;
  #range = [0, 1];
  /** @type {Tensor | null} */
  #answer = null;
  /** Whether the answers are those on the canvas. */
  #painted = true;

  /** @param {Card} card @param {Instance} instance @param {Details} details @param {Api} api @param {TrainingRows | null} rows @param {AnsweredNumber[]} numbers */
  constructor(card, instance, details, api, rows, numbers) {
    this.#number = numbers[0];
    this.#card = card;
    this.#instance = instance;
    this.#details = details;
    this.#begun = rows !== null;
    const width = card.features.length;
    const held = width + 2;
    this.side = Math.min(LARGEST_SIDE, Math.max(2, Math.floor(Math.sqrt(MOST_NUMBERS / held))));
    const plane = part("plane");
    this.#canvas = instanceOf(HTMLCanvasElement, plane.querySelector(".answers"));
    this.#requests = new RequestQueue(
      sparing((/** @type {Question} */ { rows, query, number }) => scores(api, card, rows, query, number)),
      (answer) => this.#show(answer),
      (error) => {
        this.#requested = "";
        this.#show(null, error.message);
      },
    );
    const [first, second = first] = separatingFeatures(card, rows);
    this.#axes = { across: axis(card, first), up: axis(card, second) };
    this.#overlay = new MapOverlay(plane, card, instance, this.#axes, rows);
    this.#soon = whenInView(plane);
    this.#offerAxes();
    offerNumbers("map-number", numbers, (number) => {
      this.#number = number;
      this.#refresh();
    });
    this.#refresh();
    this.#listen(plane);
    for (const changing of [instance, details]) changing.addEventListener("change", () => this.#refresh());
    onScheme(() => this.#paint());
    // The heading is a button, which folds the panel.
    if (!card.classes.length) part("map-title").querySelector("button")?.replaceChildren("Map of the answers");
    part("map-help").textContent = `The colour is the answer at each point while all other features stay as they are; ${
      card.classes.length ? "the fainter, the less sure" : "the fuller, the higher"
    }. ${
      rows ? "Dots are training rows, seen along these two features alone. " : ""
    }${card.features[0].minimum === null ? "" : "The dashed frame is the training range. "}Click, drag or use the arrow keys to move the input.`;
  }

  /** Show the two numbers that matter most, unless others were chosen. @param {number[] | null} contributions  null: not known. */
  begin(contributions) {
    if (this.#begun) return;
    this.#begun = true;
    if (contributions) {
      const places = matteringFeatures(this.#card, contributions);
      [select("map-x"), select("map-y")].forEach((chosen, index) => {
        chosen.value = String(places[index]);
      });
      this.#use(places);
    } else this.#refresh();
  }

  /** Mark the counterfactual, or nothing. @param {number[] | null} values */
  markCounterfactual(values) {
    this.#overlay.mark(values);
    this.#soon(() => this.#draw());
  }

  #offerAxes() {
    const selects = [select("map-x"), select("map-y")];
    const long = this.#card.features.some(({ name }) => name.length > LONG_NAME);
    part("map").querySelector(".controls")?.classList.toggle("long", long);
    selects.forEach((chosen, index) => {
      chosen.replaceChildren(
        ...numberPlaces(this.#card).map((place) =>
          element("option", { value: place }, this.#card.features[place].name),
        ),
      );
      chosen.value = String(this.#places()[index]);
      chosen.addEventListener("change", () => {
        const other = selects[1 - index];
        // Two axes with the same feature would be a line, so the features change places.
        if (other.value === chosen.value) other.value = String(this.#places()[index]);
        this.#begun = true;
        this.#use(selects.map(({ value }) => Number(value)));
      });
    });
  }

  /** @param {number[]} places */
  #use(places) {
    const [across, up] = places.map((place) => axis(this.#card, place));
    this.#axes = { across, up };
    this.#overlay.use(this.#axes);
    this.#refresh();
  }

  #places() {
    return [this.#axes.across.place, this.#axes.up.place];
  }

  /** Request new answers, unless only the two features on the axes have changed. */
  #refresh() {
    if (!this.#begun) return;
    this.#soon(() => this.#draw());
    const places = this.#places();
    const others = this.#instance.values.map((value, place) => (places.includes(place) ? null : value));
    const query = this.#details.calibration;
    const requested = JSON.stringify([places, query, others, this.#number?.name]);
    if (requested === this.#requested) return;
    this.#requested = requested;
    part("plane").setAttribute("aria-busy", "true");
    this.#requests.want({
      rows: tile(this.#instance.values, this.#axes, this.side),
      query: this.#card.classes.length ? { ...query, top: 1 } : query,
      number: this.#number,
    });
  }

  /** @param {Tensor | null} answer @param {string} failure */
  #show(answer, failure = "") {
    this.#answer = answer;
    this.#range = answer ? extremes(answer) : [0, 1];
    part("map-readout").textContent = failure;
    this.#painted = false;
    this.#soon(() => this.#draw());
  }

  #draw() {
    this.#overlay.draw();
    if (this.#painted) return;
    this.#painted = true;
    this.#explainColours();
    this.#paint();
    part("plane").setAttribute("aria-busy", "false");
  }

  /** The classes on the map, those of the largest areas first, or the range of the values. */
  #explainColours() {
    const { classes } = this.#card;
    if (!classes.length) {
      const { name = "", output = null } = this.#number ?? {};
      const text = `${name} from ${this.#range.map((end) => short(end)).join(" to ")} ${output?.unit ?? ""}`;
      part("legend").replaceChildren(element("li", {}, swatch(0), text));
      return;
    }
    const areas = this.#areas();
    const [shown, rest] = [areas.slice(0, MOST_IN_LEGEND), areas.slice(MOST_IN_LEGEND)];
    part("legend").replaceChildren(
      ...shown.map((index) => element("li", {}, swatch(index), classes[index])),
      ...(rest.length ? [element("li", {}, `and ${rest.length} more`)] : []),
    );
  }

  /** The indices of few classes in order; of many, of those that are most probable somewhere. */
  #areas() {
    const { classes } = this.#card;
    if (classes.length <= MOST_IN_LEGEND || !this.#answer)
      return classes.slice(0, MOST_IN_LEGEND).map((_, index) => index);
    const counts = new Array(classes.length).fill(0);
    for (let cell = 0; cell < this.side * this.side; cell += 1) counts[this.#at(this.#answer.data, cell).index] += 1;
    return counts.flatMap((count, index) => (count ? [index] : [])).sort((a, b) => counts[b] - counts[a]);
  }

  #paint() {
    const { side } = this;
    // Setting a size also clears the canvas.
    this.#canvas.width = side;
    this.#canvas.height = side;
    if (!this.#answer) return;
    const colours = classColours(Math.max(1, this.#card.classes.length));
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
    if (!count) {
      const value = data[cell * (data.length / this.side ** 2)];
      const [low, high] = this.#range;
      return { index: 0, probability: value, sureness: (value - low) / (high - low || 1) };
    }
    const [index, probability] = [data[2 * cell], data[2 * cell + 1]];
    return { index, probability, sureness: (probability * count - 1) / (count - 1) };
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
    part("map-readout").textContent = `${at.join(", ")}; ${
      this.#card.classes.length
        ? `${this.#card.classes[index]}: ${probabilityText(probability)}`
        : short(probability, 6)
    }`;
  }
}

/** The smallest and the largest value of the first column. @param {Tensor} answer */
function extremes({ shape: [, columns], data }) {
  const range = [Infinity, -Infinity];
  for (let place = 0; place < data.length; place += columns) {
    range[0] = Math.min(range[0], data[place]);
    range[1] = Math.max(range[1], data[place]);
  }
  return range;
}
