/** The probability of each class along one feature, with all others fixed. */

import { RequestQueue } from "../data/request_queue.js";
import { element, part, select } from "../draw/element.js";
import { drawCurves } from "../draw/probability_chart.js";
import { onWidth } from "../draw/width.js";
import { axis, separatingFeatures } from "../model/plane.js";

/**
 * @import { Card } from "../data/answers.js"
 * @import { Api, Query } from "../data/api.js"
 * @import { Tensor } from "../data/npy.js"
 * @import { Instance } from "../model/instance.js"
 * @import { Axis } from "../model/plane.js"
 * @import { Details } from "./details.js"
 */

/** @typedef {{ xs: number[], rows: Float32Array, query: Query, along: Axis }} Question */

const POINTS = 161;

export class Curves {
  #card;
  #instance;
  #details;
  #requests;
  #axis;
  #requested = "";
  /** @type {{ along: Axis, xs: number[], curves: number[][] } | null} */
  #data = null;

  /** @param {Card} card @param {Instance} instance @param {Details} details @param {Api} api */
  constructor(card, instance, details, api) {
    this.#card = card;
    this.#instance = instance;
    this.#details = details;
    this.#requests = new RequestQueue(
      (/** @type {Question} */ question) => api.probabilities(question.rows, card.features.length, question.query),
      (answer, question) => this.#show(answer, question),
      (error) => this.#fail(error),
    );
    const feature = select("curves-feature");
    const [place] = separatingFeatures(card);
    feature.replaceChildren(...card.features.map(({ name }, value) => element("option", { value }, name)));
    feature.value = String(place);
    feature.addEventListener("change", () => {
      this.#axis = axis(card, Number(feature.value));
      this.#refresh();
    });
    this.#axis = axis(card, place);
    this.#refresh();
    for (const changing of [instance, details]) changing.addEventListener("change", () => this.#refresh());
    onWidth(part("curves-plot"), () => this.#draw());
  }

  #refresh() {
    const { place, low, high } = this.#axis;
    const query = this.#details.calibration;
    const requested = JSON.stringify([place, query, this.#instance.values.with(place, 0)]);
    // If the feature itself changes, only the line moves.
    if (requested === this.#requested) {
      this.#draw();
      return;
    }
    this.#requested = requested;
    const xs = Array.from({ length: POINTS }, (_, point) => low + (point / (POINTS - 1)) * (high - low));
    const rows = Float32Array.from(xs.flatMap((x) => this.#instance.values.with(place, x)));
    this.#requests.want({ xs, rows, query, along: this.#axis });
  }

  /** @param {Tensor} answer @param {Question} question */
  #show(answer, { xs, along }) {
    const count = this.#card.classes.length;
    const curves = this.#card.classes.map((_, index) => xs.map((_, point) => answer.data[point * count + index]));
    part("curves-readout").textContent = "";
    this.#data = { along, xs, curves };
    this.#draw();
  }

  /** @param {Error} error */
  #fail(error) {
    this.#data = null;
    this.#requested = "";
    part("curves-plot").replaceChildren();
    part("curves-readout").textContent = error.message;
  }

  #draw() {
    if (!this.#data) return;
    drawCurves(part("curves-plot"), {
      ...this.#data,
      classes: this.#card.classes,
      value: this.#instance.values[this.#data.along.place],
      read: (text) => {
        part("curves-readout").textContent = text;
      },
    });
  }
}
