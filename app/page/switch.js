/** Which model and version is on the page: a choice, where there are several. */

import { element, part } from "./element.js";

export class Switch extends EventTarget {
  #select = part("version");
  #offered;
  #default;

  /** Of GET /models, the versions that answer; `choice` is {model, version}, or null: the default. */
  constructor({ default: model, models }, choice) {
    super();
    this.#offered = models.flatMap(({ name, versions }) =>
      versions.filter(({ state }) => state === "READY").map(({ version }) => ({ model: name, version })),
    );
    this.#default = { model, version: models.find(({ name }) => name === model)?.default_version };
    const text = models.length > 1 ? (each) => `${each.model} ${each.version}` : (each) => each.version;
    this.#select.replaceChildren(...this.#offered.map((each, place) => element("option", { value: place }, text(each))));
    this.show(choice);
    // Where the address names what is not there, even a single one is a way out.
    part("versions").hidden = this.#offered.length < 2 && this.#select.value !== "";
    this.#select.addEventListener("change", () => this.dispatchEvent(new Event("change")));
  }

  get choice() {
    return this.#offered[this.#select.value] ?? null;
  }

  /** The versions of `model` that answer. */
  versionsOf(model) {
    return this.#offered.filter((each) => each.model === model).map((each) => each.version);
  }

  show(choice) {
    const { model, version } = choice ?? this.#default;
    this.#select.value = this.#offered.findIndex((each) => each.model === model && each.version === version);
  }
}
