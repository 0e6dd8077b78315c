/** A control for each feature of the card; of many, those that matter most, and a filter. */

import { isNumber } from "../data/feature.js";
import { element, part, partOf } from "../draw/element.js";
import { ChoiceField } from "./fields/choice_field.js";
import { NumberField } from "./fields/number_field.js";

/**
 * @import { Card } from "../data/answers.js"
 * @import { Instance } from "../model/instance.js"
 * @import { TrainingRows } from "../model/training_rows.js"
 */

/** The most features that are shown without a choice of the user; of a few more, all are. */
const MOST_FEATURES = 12;
const FEW_MORE = 3;

export class Sliders {
  #features;
  #rows;
  #controls;
  #order;
  #all = false;
  #filter = partOf(HTMLInputElement, "features-filter");

  /** @param {Card} card @param {Instance} instance @param {TrainingRows | null} rows */
  constructor(card, instance, rows) {
    this.#rows = rows;
    this.#features = card.features;
    this.#controls = card.features.map((feature, place) =>
      isNumber(feature) ? new NumberField(card, place, instance, rows) : new ChoiceField(card, place, instance),
    );
    this.#order = card.features.map((_, place) => place);
    this.#all = card.features.length <= MOST_FEATURES + FEW_MORE;
    part("features-tools").hidden = this.#all;
    part("features-all").addEventListener("click", () => {
      this.#all = !this.#all;
      this.#arrange();
    });
    this.#filter.addEventListener("input", () => this.#arrange());
    instance.addEventListener("change", () => this.#show(instance));
    this.#arrange();
    this.#show(instance);
  }

  /** Sort many features by what they contribute, unless one is in use. @param {number[]} contributions */
  sort(contributions) {
    if (this.#features.length <= MOST_FEATURES || part("sliders").contains(document.activeElement)) return;
    this.#order.sort((a, b) => Math.abs(contributions[b]) - Math.abs(contributions[a]));
    this.#arrange();
  }

  #arrange() {
    const wanted = this.#filter.value.trim().toLowerCase();
    const found = this.#order.filter((place) => this.#features[place].name.toLowerCase().includes(wanted));
    const shown = this.#all ? found : found.slice(0, MOST_FEATURES);
    part("sliders").replaceChildren(...shown.map((place) => this.#controls[place].root));
    this.#rows?.want(shown);
    part("features-count").textContent = `${shown.length} of ${this.#features.length} features`;
    part("features-all").textContent = this.#all ? `Only ${MOST_FEATURES}` : `Show all ${found.length}`;
    part("features-all").hidden = found.length <= MOST_FEATURES;
    if (!shown.length) part("sliders").append(element("p", { class: "note" }, "No feature has this in its name."));
  }

  /** @param {Instance} instance */
  #show(instance) {
    // An emptied field stays so: its last value must not come back unasked.
    this.#controls.forEach((control, place) => instance.lacks(place) || control.show(instance.values[place]));
  }
}
