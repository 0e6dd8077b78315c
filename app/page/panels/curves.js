/** The probability of each class along one feature, with all others fixed. */

import { RequestQueue, sparing } from "../data/request_queue.js";
import { scores } from "../data/scores.js";
import { element, part, select } from "../draw/element.js";
import { whenInView } from "../draw/in_view.js";
import { drawCurves } from "../draw/probability_chart.js";
import { onWidth } from "../draw/width.js";
import { axis, matteringFeatures, numberPlaces, separatingFeatures } from "../model/plane.js";
import { offerNumbers } from "./number_choice.js";

/**
 * @import { Card } from "../data/answers.js"
 * @import { Api, Query } from "../data/api.js"
 * @import { Tensor } from "../data/npy.js"
 * @import { AnsweredNumber } from "../model/answered_number.js"
 * @import { Instance } from "../model/instance.js"
 * @import { Axis } from "../model/plane.js"
 * @import { TrainingRows } from "../model/training_rows.js"
 * @import { Details } from "./details.js"
 */

/** @typedef {{ xs: number[], rows: Float32Array, query: Query, number: AnsweredNumber | undefined, along: Axis }} Question */

const POINTS = 161;

export class Curves {
  #card;
  #instance;
  #details;
  /** The one that is shown; undefined for classes. @type {AnsweredNumber | undefined} */
  #number;
  #requests;
  #axis;
  /** Whether the feature is known: without training rows it is that of the first explanation. */
  #begun;
  #requested = "";
  /** @type {{ along: Axis, xs: number[], curves: number[][] } | null} */
  #data = null;
  /** The data on the screen. @type {object | null} */
  #drawn = null;
  /** Moves the line at the feature's value in the input. @type {(value: number) => void} */
  #mark = () => {};
  #soon = whenInView(part("curves"));

  /** @param {Card} card @param {Instance} instance @param {Details} details @param {Api} api @param {TrainingRows | null} rows @param {AnsweredNumber[]} numbers */
  constructor(card, instance, details, api, rows, numbers) {
    this.#number = numbers[0];
    this.#card = card;
    this.#instance = instance;
    this.#details = details;
    this.#begun = rows !== null;
    this.#requests = new RequestQueue(
      sparing((/** @type {Question} */ { rows, query, number }) => scores(api, card, rows, query, number)),
      (answer, question) => this.#show(answer, question),
      (error) => this.#fail(error),
    );
    const feature = select("curves-feature");
    const [place] = separatingFeatures(card, rows);
    feature.replaceChildren(
      ...numberPlaces(card).map((value) => element("option", { value }, card.features[value].name)),
    );
    feature.value = String(place);
    feature.addEventListener("change", () => {
      this.#begun = true;
      this.#axis = axis(card, Number(feature.value));
      this.#refresh();
    });
    this.#axis = axis(card, place);
    offerNumbers("curves-number", numbers, (number) => {
      this.#number = number;
      this.#refresh();
    });
    this.#refresh();
    for (const changing of [instance, details]) changing.addEventListener("change", () => this.#refresh());
    onWidth(part("curves-plot"), () => this.#draw());
  }

  /** Show the number that matters most, unless another was chosen. @param {number[] | null} contributions  null: not known. */
  begin(contributions) {
    if (this.#begun) return;
    this.#begun = true;
    if (contributions) {
      const [place] = matteringFeatures(this.#card, contributions);
      select("curves-feature").value = String(place);
      this.#axis = axis(this.#card, place);
    }
    this.#refresh();
  }

  #refresh() {
    if (!this.#begun) return;
    const { place, low, high } = this.#axis;
    const query = this.#details.calibration;
    const requested = JSON.stringify([place, query, this.#instance.values.with(place, 0), this.#number?.name]);
    // If the feature itself changes, only the line moves.
    this.#soon(() => this.#update());
    if (requested === this.#requested) return;
    this.#requested = requested;
    const xs = Array.from({ length: POINTS }, (_, point) => low + (point / (POINTS - 1)) * (high - low));
    const rows = Float32Array.from(xs.flatMap((x) => this.#instance.values.with(place, x)));
    this.#requests.want({ xs, rows, query, along: this.#axis, number: this.#number });
  }

  /** @param {Tensor} answer @param {Question} question */
  #show(answer, { xs, along }) {
    const [, count] = answer.shape;
    const shown = this.#card.classes.length ? this.#card.classes.map((_, index) => index) : [0];
    const curves = shown.map((index) => xs.map((_, point) => answer.data[point * count + index]));
    part("curves-readout").textContent = "";
    this.#data = { along, xs, curves };
    this.#soon(() => this.#update());
  }

  /** @param {Error} error */
  #fail(error) {
    this.#data = null;
    this.#requested = "";
    part("curves-plot").replaceChildren();
    part("curves-left").textContent = "";
    part("curves-readout").textContent = error.message;
  }

  /** Draw new curves; of those that are drawn, only the line moves. */
  #update() {
    if (this.#data !== this.#drawn) this.#draw();
    else if (this.#data) this.#mark(this.#instance.values[this.#data.along.place]);
  }

  #draw() {
    this.#drawn = this.#data;
    if (!this.#data) return;
    const { classes } = this.#card;
    const { mark, drawn } = drawCurves(part("curves-plot"), {
      ...this.#data,
      classes,
      unit: this.#number?.output.unit ?? "",
      output: this.#number?.name ?? "",
      read: (text) => {
        part("curves-readout").textContent = text;
      },
    });
    part("curves-left").textContent =
      drawn < classes.length ? `Of ${classes.length} classes, the ${drawn} that reach highest; the table has all.` : "";
    this.#mark = mark;
    this.#update();
  }
}
