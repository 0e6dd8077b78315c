/** The service's answers. A model's addresses hang on one base, so another one is another Api. */

import { credentials } from "./key.js";
import { decodeNpy, encodeNpy } from "./npy.js";

const JSON_TYPE = "application/json";
const NPY = "application/x-npy";
// The page is for trying out, and asks the same again at each switch: the prediction log is for use.
const TRIED = { "X-Prediction-Log": "off" };

/** The service refused: its RFC 9457 problem details. */
export class Problem extends Error {
  constructor(status, { detail, errors = [] }) {
    super(detail);
    this.status = status;
    this.errors = errors;
  }
}

export class Api {
  #root;
  #closed;

  /** `root` is where the service is: absolute, ending in a slash. `path` leads on to a model. */
  constructor(root, path = "", closed = new AbortController()) {
    this.base = new URL(path, root).href;
    this.#root = root;
    this.#closed = closed;
  }

  /** The same service, asked of {model, version}, or of the default; closed together. */
  of(choice) {
    const names = choice && [choice.model, choice.version].map(encodeURIComponent);
    return new Api(this.#root, choice ? `models/${names[0]}/versions/${names[1]}/` : "", this.#closed);
  }

  /** Whoever still waits for an answer never hears of one. */
  close() {
    this.#closed.abort();
  }

  /** Every model of the service, and where its versions stand. */
  models() {
    return this.#ask(new URL("models", this.#root));
  }

  /** What the service does besides, {prediction_log: whether}. */
  service() {
    return this.#ask(new URL("page/service.json", this.#root));
  }

  /** Drift, class shares and accuracy of the last `hours`. */
  monitoring(hours) {
    return this.#ask(`monitoring?window_hours=${hours}`);
  }

  /** What changed between two versions of a model. */
  diff(model, from, to) {
    const path = `models/${encodeURIComponent(model)}/diff?${new URLSearchParams({ from, to })}`;
    return this.#ask(new URL(path, this.#root));
  }

  /** Name, version, layers, totals and the card. */
  model() {
    return this.#ask("model");
  }

  /** The answer to one instance, {feature: number}; `query` is what else it shall show. */
  predict(instance, query = {}) {
    return this.#post(withQuery("predict", query), instance, TRIED);
  }

  /** The answers to many, in order, with their warnings. */
  async predictMany(instances, query = {}) {
    return (await this.#post(withQuery("predict", query), { instances }, TRIED)).predictions;
  }

  /** Probabilities {shape: [rows, classes], data} of a Float32Array of rows in the card's order. */
  probabilities(data, features, query = {}) {
    const body = encodeNpy(data, [data.length / features, features]);
    const headers = { "Content-Type": NPY, Accept: NPY, ...TRIED };
    return this.#ask(withQuery("predict", query), { method: "POST", headers, body }, readNpy);
  }

  /** Attributions, activations, neighbours and the counterfactual of one instance. */
  explain(instance) {
    return this.#post("explain", instance);
  }

  /** Every entry of the state_dict, without values. */
  state() {
    return this.#ask("state?values=false");
  }

  /** The values of one tensor, {shape, data}. */
  tensor(name) {
    return this.#ask(this.tensorPath(name, "npy"), { headers: { Accept: NPY } }, readNpy);
  }

  async histogram(name, bins) {
    return (await this.#ask(`state/${encodeURIComponent(name)}?values=false&histogram=${bins}`)).histogram;
  }

  /** Where a tensor is to be downloaded, relative to the base. */
  tensorPath(name, format) {
    return `state/${encodeURIComponent(name)}?format=${format}`;
  }

  #post(path, value, more = {}) {
    const headers = { "Content-Type": JSON_TYPE, Accept: JSON_TYPE, ...more };
    return this.#ask(path, { method: "POST", headers, body: JSON.stringify(value) });
  }

  /** What is to be downloaded at `path`, where a link alone could not show the key. */
  file(path) {
    return this.#ask(path, {}, readFile);
  }

  async #ask(path, options = {}, read = (response) => response.json()) {
    const { signal } = this.#closed;
    const headers = { ...options.headers, ...credentials() };
    let response;
    try {
      response = await fetch(new URL(path, this.base), { ...options, headers, signal });
      if (response.ok) return await read(response);
    } catch (error) {
      if (signal.aborted) return new Promise(() => {});
      throw response ? error : new Error("The service does not answer.");
    }
    // A proxy's own refusal is seldom JSON.
    const detail = `The service answered ${response.status}.`;
    throw new Problem(response.status, await response.json().catch(() => ({ detail })));
  }
}

/** A path of the service with a query, if there is one. */
export function withQuery(path, query) {
  const text = new URLSearchParams(query).toString();
  return text ? `${path}?${text}` : path;
}

async function readNpy(response) {
  return decodeNpy(await response.arrayBuffer());
}

async function readFile(response) {
  const name = /filename="(.+)"/.exec(response.headers.get("content-disposition"))?.[1] ?? "tensor.json";
  return new File([await response.blob()], name);
}
