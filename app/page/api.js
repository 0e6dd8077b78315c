/** The service's answers. A model's addresses hang on one base, so another one is another Api. */

import { decodeNpy, encodeNpy } from "./npy.js";

const NPY = "application/x-npy";

/** The service refused: its RFC 9457 problem details. */
export class Problem extends Error {
  constructor(status, { detail, errors = [] }) {
    super(detail);
    this.status = status;
    this.errors = errors;
  }
}

export class Api {
  /** `base` is where the model is served: absolute, ending in a slash. */
  constructor(base) {
    this.base = base;
  }

  /** Name, version, layers, totals and the card. */
  async model() {
    return (await this.#ask("model")).json();
  }

  /** The answer to one instance, {feature: number}; with its novelty, if the card can say that. */
  async predict(instance, novelty) {
    return (await this.#post(`predict${novelty ? "?out_of_distribution=true" : ""}`, instance)).json();
  }

  /** The answers to many, in order, with their warnings. */
  async predictMany(instances) {
    return (await (await this.#post("predict", { instances })).json()).predictions;
  }

  /** Probabilities {shape: [rows, classes], data} of a Float32Array of rows in the card's order. */
  async probabilities(data, features) {
    const body = encodeNpy(data, [data.length / features, features]);
    const headers = { "Content-Type": NPY, Accept: NPY };
    const response = await this.#ask("predict", { method: "POST", headers, body });
    return decodeNpy(await response.arrayBuffer());
  }

  /** Attributions, activations, neighbours and the counterfactual of one instance. */
  async explain(instance) {
    return (await this.#post("explain", instance)).json();
  }

  /** Every entry of the state_dict, without values. */
  async state() {
    return (await this.#ask("state?values=false")).json();
  }

  /** The values of one tensor, {shape, data}. */
  async tensor(name) {
    const response = await this.#ask(this.tensorPath(name, "npy"), { headers: { Accept: NPY } });
    return decodeNpy(await response.arrayBuffer());
  }

  async histogram(name, bins) {
    const query = `values=false&histogram=${bins}`;
    return (await (await this.#ask(`state/${encodeURIComponent(name)}?${query}`)).json()).histogram;
  }

  /** Where a tensor is to be downloaded, relative to the base. */
  tensorPath(name, format) {
    return `state/${encodeURIComponent(name)}?format=${format}`;
  }

  #post(path, value) {
    const headers = { "Content-Type": "application/json", Accept: "application/json" };
    return this.#ask(path, { method: "POST", headers, body: JSON.stringify(value) });
  }

  async #ask(path, options) {
    let response;
    try {
      response = await fetch(new URL(path, this.base), options);
    } catch {
      throw new Error("The service does not answer.");
    }
    if (response.ok) return response;
    // A proxy's own refusal is seldom JSON.
    const detail = `The service answered ${response.status}.`;
    throw new Problem(response.status, await response.json().catch(() => ({ detail })));
  }
}
