/** Requests to the service. An Api is for one model or version, whose addresses have one prefix. */

/**
 * @import {
 *   AnyPrediction, Comparison, Explanation, Histogram, Model, Models, Monitoring, Prediction, Service, State,
 * } from "./answers.js"
 * @import { Tensor } from "./npy.js"
 */
/** @typedef {Record<string, number>} Input  A number for each feature. */
/** @typedef {{ model: string, version: string }} Choice */
/** @typedef {{ calibrated?: true, out_of_distribution?: true }} Query  What else an answer shall show. */

import { credentials } from "./credentials.js";
import { decodeNpy, encodeNpy } from "./npy.js";

const JSON_TYPE = "application/json";
const NPY = "application/x-npy";
const PNG = "image/png";
// The page is for experiments and repeats requests, so they are not for the prediction log.
const TRIED = { "X-Prediction-Log": "off" };

/** A refusal of the service: its RFC 9457 problem details. */
export class Problem extends Error {
  /** @param {number} status @param {{ detail: string }} details */
  constructor(status, { detail }) {
    super(detail);
    this.status = status;
  }
}

export class Api {
  #root;
  #closed;

  /**
   * @param {string} root  The address of the service: absolute, ending in a slash.
   * @param {string} path  From there to a model.
   */
  constructor(root, path = "", closed = new AbortController()) {
    this.base = new URL(path, root).href;
    this.#root = root;
    this.#closed = closed;
  }

  /**
   * The same service for one version of a model, or for the default; both are closed together.
   * @param {Choice | null} choice
   */
  of(choice) {
    const [model, version] = [choice?.model, choice?.version].map((name) => encodeURIComponent(name ?? ""));
    return new Api(this.#root, choice ? `models/${model}/versions/${version}/` : "", this.#closed);
  }

  /** Cancel requests that still wait. */
  close() {
    this.#closed.abort();
  }

  /** Every model of the service with its versions. @returns {Promise<Models>} */
  models() {
    return this.#ask(new URL("models", this.#root));
  }

  /** Which optional panels the service has data for. @returns {Promise<Service>} */
  service() {
    return this.#ask(new URL("page/service.json", this.#root));
  }

  /** Drift, class shares and accuracy. @param {string} hours @returns {Promise<Monitoring>} */
  monitoring(hours) {
    return this.#ask(`monitoring?window_hours=${hours}`);
  }

  /**
   * What changed between two versions of a model.
   * @param {string} model
   * @param {string} from
   * @param {string} to
   * @returns {Promise<Comparison>}
   */
  diff(model, from, to) {
    const path = `models/${encodeURIComponent(model)}/diff?${new URLSearchParams({ from, to })}`;
    return this.#ask(new URL(path, this.#root));
  }

  /** @returns {Promise<Model>} */
  model() {
    return this.#ask("model");
  }

  /** @param {Input} instance @param {Query} query @returns {Promise<Prediction>} */
  predict(instance, query = {}) {
    return this.#post(withQuery("predict", query), instance, TRIED);
  }

  /**
   * @param {string | Blob} body  A picture; or JSON as the user wrote it, since numbers may be longer than JavaScript's.
   * @param {number | null} top
   * @returns {Promise<AnyPrediction>}
   */
  predictBody(body, top) {
    const headers = { "Content-Type": typeof body === "string" ? JSON_TYPE : body.type, Accept: JSON_TYPE, ...TRIED };
    return this.#ask(top ? `predict?top=${top}` : "predict", { method: "POST", headers, body });
  }

  /**
   * The answers to many instances, in order.
   * @param {Input[]} instances
   * @param {Query} query
   * @returns {Promise<Prediction[]>}
   */
  async predictMany(instances, query = {}) {
    return (await this.#post(withQuery("predict", query), { instances }, TRIED)).predictions;
  }

  /**
   * Probabilities of shape [rows, classes].
   * @param {Float32Array} data  Rows of features in the card's order.
   * @param {number} features
   * @param {Query} query
   * @returns {Promise<Tensor>}
   */
  probabilities(data, features, query = {}) {
    const body = encodeNpy(data, [data.length / features, features]);
    const headers = { "Content-Type": NPY, Accept: NPY, ...TRIED };
    return this.#ask(withQuery("predict", query), { method: "POST", headers, body }, readNpy);
  }

  /** @param {Input} instance @returns {Promise<Explanation>} */
  explain(instance) {
    return this.#post("explain", instance);
  }

  /** The attributions of a picture's pixels, over the picture. @param {Blob} picture @returns {Promise<ImageBitmap>} */
  heatmap(picture) {
    const headers = { "Content-Type": picture.type, Accept: PNG };
    const read = async (/** @type {Response} */ response) => createImageBitmap(await response.blob());
    return this.#ask("explain", { method: "POST", headers, body: picture }, read);
  }

  /** Every entry of the state_dict, without values. @returns {Promise<State>} */
  state() {
    return this.#ask("state?values=false");
  }

  /** @param {string} name @returns {Promise<Tensor>} */
  tensor(name) {
    return this.#ask(this.tensorPath(name, "npy"), { headers: { Accept: NPY } }, readNpy);
  }

  /** @param {string} name @param {number} bins @returns {Promise<Histogram>} */
  async histogram(name, bins) {
    return (await this.#ask(`state/${encodeURIComponent(name)}?values=false&histogram=${bins}`)).histogram;
  }

  /** The address of a tensor's download, relative to the base. @param {string} name @param {string} format */
  tensorPath(name, format) {
    return `state/${encodeURIComponent(name)}?format=${format}`;
  }

  /** @param {string} path @param {object} value @param {Record<string, string>} more */
  #post(path, value, more = {}) {
    const headers = { "Content-Type": JSON_TYPE, Accept: JSON_TYPE, ...more };
    return this.#ask(path, { method: "POST", headers, body: JSON.stringify(value) });
  }

  /**
   * Download `path` with the key, which a plain link cannot send.
   * @param {string} path
   * @returns {Promise<File>}
   */
  file(path) {
    return this.#ask(path, {}, readFile);
  }

  /**
   * @template [Answer=any]  JSON has the type that the caller names.
   * @param {string | URL} path
   * @param {RequestInit & { headers?: Record<string, string> }} options
   * @param {(response: Response) => Promise<Answer>} read
   * @returns {Promise<Answer>}
   */
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
    // The refusal of a proxy is usually not JSON.
    const detail = `The service answered ${response.status}.`;
    throw new Problem(response.status, await response.json().catch(() => ({ detail })));
  }
}

/** A path of the service with a query, if there is one. @param {string} path @param {Query} query */
export function withQuery(path, query) {
  const text = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}

/** @param {Response} response */
async function readNpy(response) {
  return decodeNpy(await response.arrayBuffer());
}

/** @param {Response} response */
async function readFile(response) {
  const name = /filename="(.+)"/.exec(response.headers.get("content-disposition") ?? "")?.[1] ?? "tensor.json";
  return new File([await response.blob()], name);
}
