/**
 * @import { Feature } from "../data/answers.js"
 * @import { Input } from "../data/api.js"
 */

/** The input on the screen; each change dispatches "change". */
export class Instance extends EventTarget {
  #values;

  /** @param {Feature[]} features */
  constructor(features) {
    super();
    this.features = features;
    this.#values = features.map(example);
  }

  /** Numbers in the card's order. @returns {readonly number[]} */
  get values() {
    return this.#values;
  }

  /** The body of /predict. @returns {Input} */
  toJSON() {
    return Object.fromEntries(this.features.map(({ name }, place) => [name, this.#values[place]]));
  }

  /** Change the values at some places in one step. @param {Record<number, number>} places */
  change(places) {
    this.replace(this.#values.map((value, place) => places[place] ?? value));
  }

  /** @param {readonly number[]} values  In the card's order. */
  replace(values) {
    if (values.every((value, place) => value === this.#values[place])) return;
    this.#values = [...values];
    this.dispatchEvent(new Event("change"));
  }

  /** Set values by name; without a value, the example. @param {Input} given */
  take(given) {
    this.replace(
      this.features.map((feature) => (Object.hasOwn(given, feature.name) ? given[feature.name] : example(feature))),
    );
  }

  reset() {
    this.replace(this.features.map(example));
  }
}

/** 0 if the card has no example. @param {Feature} feature */
function example(feature) {
  return feature.example ?? 0;
}
