/** The probability of each class along one feature, all others held. */

import { drawCurves } from "./draw/curves.js";
import { element, part } from "./element.js";
import { Latest } from "./latest.js";
import { axis, tellingFeatures } from "./plane.js";
import { onWidth } from "./width.js";

const POINTS = 161;

export class Curves {
  #card;
  #instance;
  #details;
  #latest;
  #axis;
  #asked = "";
  #data = null;

  constructor(card, instance, details, api) {
    this.#card = card;
    this.#instance = instance;
    this.#details = details;
    this.#latest = new Latest(
      (question) => api.probabilities(question.rows, card.features.length, question.query),
      (answer, question) => this.#show(answer, question),
      (error) => this.#fail(error),
    );
    const select = part("curves-feature");
    select.replaceChildren(...card.features.map(({ name }, place) => element("option", { value: place }, name)));
    select.value = tellingFeatures(card)[0];
    select.addEventListener("change", () => this.#use(Number(select.value)));
    this.#use(Number(select.value));
    for (const changing of [instance, details]) changing.addEventListener("change", () => this.#refresh());
    onWidth(part("curves-plot"), () => this.#draw());
  }

  #use(place) {
    this.#axis = axis(this.#card, place);
    this.#refresh();
  }

  #refresh() {
    const { place, low, high } = this.#axis;
    const query = this.#details.calibration;
    const asked = JSON.stringify([place, query, this.#instance.values.with(place, null)]);
    // Along the feature itself only the line moves.
    if (asked === this.#asked) return this.#draw();
    this.#asked = asked;
    const xs = Array.from({ length: POINTS }, (_, point) => low + (point / (POINTS - 1)) * (high - low));
    const rows = Float32Array.from(xs.flatMap((x) => this.#instance.values.with(place, x)));
    return this.#latest.want({ xs, rows, query, along: this.#axis });
  }

  #show(answer, { xs, along }) {
    const count = this.#card.classes.length;
    const curves = this.#card.classes.map((_, index) => xs.map((_, point) => answer.data[point * count + index]));
    part("curves-readout").textContent = "";
    this.#data = { along, xs, curves };
    this.#draw();
  }

  #fail(error) {
    this.#data = null;
    this.#asked = "";
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
