/** The input on the screen. Whoever shows or changes it listens to its "change". */
export class Instance extends EventTarget {
  #values;

  constructor(features) {
    super();
    this.features = features;
    this.#values = features.map(example);
  }

  /** Numbers in the card's order, to read only. */
  get values() {
    return this.#values;
  }

  /** As /predict takes it. */
  toJSON() {
    return Object.fromEntries(this.features.map(({ name }, place) => [name, this.#values[place]]));
  }

  /** Change the values at some places, {place: number}, in one step. */
  change(places) {
    this.replace(this.#values.map((value, place) => places[place] ?? value));
  }

  replace(values) {
    if (values.every((value, place) => value === this.#values[place])) return;
    this.#values = [...values];
    this.dispatchEvent(new Event("change"));
  }

  /** Take values by name, {feature: number}; the example where there is none. */
  take(given) {
    this.replace(this.features.map((feature) => (Object.hasOwn(given, feature.name) ? given[feature.name] : example(feature))));
  }

  reset() {
    this.replace(this.features.map(example));
  }
}

/** 0 where the card has no example. */
function example(feature) {
  return feature.example ?? 0;
}
