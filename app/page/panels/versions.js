/** The choice of model and version, if there are several. */

import { element, part, select } from "../draw/element.js";

/**
 * @import { Models } from "../data/answers.js"
 * @import { Choice } from "../data/api.js"
 */

export class Versions extends EventTarget {
  #select = select("version");
  #offered;
  #default;

  /** @param {Models} answer @param {Choice | null} choice  Null is the default. */
  constructor({ default: model, models }, choice) {
    super();
    this.#offered = models.flatMap(({ name, versions }) =>
      versions.filter(({ state }) => state === "READY").map(({ version }) => ({ model: name, version })),
    );
    this.#default = { model, version: models.find(({ name }) => name === model)?.default_version };
    /** @type {(each: Choice) => string} */
    const text = models.length > 1 ? (each) => `${each.model} ${each.version}` : (each) => each.version;
    this.#select.replaceChildren(
      ...this.#offered.map((each, place) => element("option", { value: place }, text(each))),
    );
    this.show(choice);
    // If the address names a missing version, even a single one must be offered.
    part("versions").hidden = this.#offered.length < 2 && this.#select.value !== "";
    this.#select.addEventListener("change", () => this.dispatchEvent(new Event("change")));
  }

  /** @returns {Choice | null} */
  get choice() {
    return this.#offered[Number(this.#select.value)] ?? null;
  }

  /** The versions of `model` that are ready. @param {string} model */
  versionsOf(model) {
    return this.#offered.filter((each) => each.model === model).map((each) => each.version);
  }

  /** @param {Choice | null} choice */
  show(choice) {
    const { model, version } = choice ?? this.#default;
    this.#select.selectedIndex = this.#offered.findIndex((each) => each.model === model && each.version === version);
  }
}
