import { codeOf, firstCode, isNumber, jsonOf } from "../data/feature.js";

/**
 * @import { Feature } from "../data/answers.js"
 * @import { Input } from "../data/api.js"
 */

/** The input on the screen; each change dispatches "change", a value that is taken away "lack". */
export class Instance extends EventTarget {
  #values;
  /** The places whose fields have no value. @type {Set<number>} */
  #lacking = new Set();

  /** @param {Feature[]} features */
  constructor(features) {
    super();
    this.features = features;
    this.#values = features.map(firstCode);
  }

  /** Numbers in the card's order, as the model gets them. @returns {readonly number[]} */
  get values() {
    return this.#values;
  }

  /** The features without a value: there is no answer to this input. */
  get lacking() {
    return this.features.filter((_, place) => this.lacks(place)).map(({ name }) => name);
  }

  /** @param {number} place */
  lacks(place) {
    return this.#lacking.has(place);
  }

  /** Take the value at a place away. @param {number} place */
  empty(place) {
    this.#lacking.add(place);
    this.dispatchEvent(new Event("lack"));
  }

  /** The body of /predict. @returns {Input} */
  toJSON() {
    return this.bodyOf(this.#values);
  }

  /** The body for other numbers. @param {readonly number[]} values @returns {Input} */
  bodyOf(values) {
    return Object.fromEntries(this.features.map((feature, place) => [feature.name, jsonOf(feature, values[place])]));
  }

  /** Change the values at some places in one step. @param {Record<number, number>} places */
  change(places) {
    const lacking = [...this.#lacking].filter((place) => !(place in places));
    this.#set(
      this.#values.map((value, place) => places[place] ?? value),
      lacking,
    );
  }

  /** @param {readonly number[]} values  In the card's order. */
  replace(values) {
    this.#set(values, []);
  }

  /** @param {readonly number[]} values @param {number[]} lacking */
  #set(values, lacking) {
    const same = values.every((value, place) => Object.is(value, this.#values[place]));
    if (same && lacking.length === this.#lacking.size) return;
    this.#values = [...values];
    this.#lacking = new Set(lacking);
    this.dispatchEvent(new Event("change"));
    if (lacking.length) this.dispatchEvent(new Event("lack"));
  }

  /** Set values by name; a feature without a value that it can have gets its example. Returns what was not taken, in words. @param {Input} given */
  take(given) {
    const names = this.features.map(({ name }) => name);
    const wrong = this.features.filter(
      (feature) => Object.hasOwn(given, feature.name) && codeOf(feature, given[feature.name]) === undefined,
    );
    this.replace(
      this.features.map((feature) => {
        const known = Object.hasOwn(given, feature.name) ? codeOf(feature, given[feature.name]) : undefined;
        return known ?? firstCode(feature);
      }),
    );
    return [
      ...wrong.map(
        (feature) =>
          `${feature.name} cannot be '${given[feature.name]}': ${isNumber(feature) ? "a number is" : "one of its values is"} needed`,
      ),
      ...Object.keys(given).flatMap((name) => (names.includes(name) ? [] : [`the model has no feature '${name}'`])),
    ];
  }

  reset() {
    this.replace(this.features.map(firstCode));
  }
}
