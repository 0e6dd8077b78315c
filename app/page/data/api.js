/** Requests to the service. An Api is for one model or version, whose addresses have one prefix. */

/**
 * @import {
 *   AnyPrediction, Comparison, Explanation, Model, Models, Monitoring, Prediction, RowColumns, Service, State, StateBranch,
 *   StateEntry, Table, TensorExplanation,
 * } from "./answers.js"
 * @import { Tensor } from "./npy.js"
 */
/** @typedef {Record<string, number | string | boolean | null>} Input  A value for each feature. */
/** @typedef {{ model: string, version: string }} Choice */
/** @typedef {{ calibrated?: true, out_of_distribution?: true, skip_bad_rows?: true, top?: number }} Query  What else an answer shall show. */

import { credentials } from "./credentials.js";
import { decodeNpy, encodeNpy } from "./npy.js";
import { decodeSafetensors } from "./safetensors.js";

const JSON_TYPE = "application/json";
const NPY = "application/x-npy";
const PNG = "image/png";
const SAFETENSORS = "application/vnd.safetensors";
/** Of a part of the tree of modules. */
const MOST_NODES = 200;
// The page is for experiments and repeats requests, so they are not for the prediction log.
const TRIED = { "X-Prediction-Log": "off" };

/** A refusal of the service: its RFC 9457 problem details. */
export class Problem extends Error {
  /** @param {number} status @param {{ detail: string, errors?: { pointer?: string, detail: string }[] }} details */
  constructor(status, { detail, errors = [] }) {
    super(detail);
    this.status = status;
    this.faults = errors.map((each) => each.detail);
    this.text = detail;
    if (errors.length < 2) return;
    // The detail has the first fault and the number of the others, of which the service lists some.
    const rest = Number(/\(and (\d+) more\)$/.exec(detail)?.[1] ?? 0) + 1 - errors.length;
    const told = errors.map((each) => (each.pointer ? `${each.pointer}: ${each.detail}` : each.detail)).join("; ");
    this.text = rest > 0 ? `${told} (and ${rest} more)` : told;
  }
}

/** The service does not answer. */
export class Unreachable extends Error {}

/** Has the event "answered" after each prediction: its detail is the state that answered, null for a refusal. */
export class Api extends EventTarget {
  #root;
  #closed;

  /**
   * @param {string} root  The address of the service: absolute, ending in a slash.
   * @param {string} path  From there to a model.
   */
  constructor(root, path = "", closed = new AbortController()) {
    super();
    this.base = new URL(path, root).href;
    this.#root = root;
    this.#closed = closed;
  }

  /**
   * The same service for one version of a model, or for the default; both are closed together.
   * Throws an Error for a name that no path can have.
   * @param {Choice | null} choice
   */
  of(choice) {
    const place = choice && `models/${segment("model", choice.model)}/versions/${segment("version", choice.version)}/`;
    return new Api(this.#root, place ?? "", this.#closed);
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
    return this.#ask("model?training_rows=false");
  }

  /**
   * The training rows: of some features, or of some rows; without both, all but the columns.
   * @param {{ feature?: string[], row?: string[] }} of
   * @returns {Promise<RowColumns>}
   */
  trainingRows({ feature = [], row = [] } = {}) {
    const asked = [...feature.map((name) => ["feature", name]), ...row.map((place) => ["row", place])];
    return this.#ask(`model/training_rows?${new URLSearchParams(asked.length ? asked : [["columns", "false"]])}`);
  }

  /** The example of a model of pictures. @returns {Promise<Blob>} */
  examplePicture() {
    return this.#ask("model/example", { headers: { Accept: PNG } }, (response) => response.blob());
  }

  /** @param {Input} instance @param {Query} query @returns {Promise<Prediction>} */
  predict(instance, query = {}) {
    return this.#predicted(this.#post(withQuery("predict", query), instance, TRIED));
  }

  /**
   * @param {string | Blob} body  A picture; or JSON as the user wrote it, since numbers may be longer than JavaScript's.
   * @param {number | null} top
   * @returns {Promise<AnyPrediction>}
   */
  predictBody(body, top) {
    const headers = { "Content-Type": typeof body === "string" ? JSON_TYPE : body.type, Accept: JSON_TYPE, ...TRIED };
    return this.#predicted(this.#ask(top ? `predict?top=${top}` : "predict", { method: "POST", headers, body }));
  }

  /**
   * The answers to the rows of a table, which the service reads.
   * @param {Blob} file
   * @param {Query} query
   * @returns {Promise<{ predictions: AnyPrediction[], table: Table }>}
   */
  predictTable(file, query = {}) {
    const headers = { "Content-Type": "text/csv", Accept: JSON_TYPE, ...TRIED };
    const path = withQuery("predict", { ...query, skip_bad_rows: true });
    return this.#ask(path, { method: "POST", headers, body: file });
  }

  /**
   * Probabilities of shape [rows, classes]; with `top`, [rows, top, 2] of index and probability.
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

  /**
   * The outputs of any module for the rows of a table, by name; those of classes as above.
   * @param {Float32Array} data
   * @param {number} features
   * @param {Query} query
   * @returns {Promise<Record<string, Tensor>>}
   */
  outputs(data, features, query = {}) {
    const body = encodeNpy(data, [data.length / features, features]);
    const headers = { "Content-Type": NPY, Accept: SAFETENSORS, ...TRIED };
    const read = async (/** @type {Response} */ response) => decodeSafetensors(await response.arrayBuffer());
    return this.#ask(withQuery("predict", query), { method: "POST", headers, body }, read);
  }

  /**
   * Why any module gives its answer.
   * @param {string | Blob} body  As that of predictBody.
   * @param {Record<string, string>} query
   * @returns {Promise<TensorExplanation>}
   */
  explainBody(body, query) {
    const headers = { "Content-Type": typeof body === "string" ? JSON_TYPE : body.type, Accept: JSON_TYPE };
    return this.#ask(`explain?${new URLSearchParams(query)}`, { method: "POST", headers, body });
  }

  /**
   * @param {Input} instance
   * @param {number | null} neighbours  The most probable classes whose nearest training rows are sent; null: all.
   * @returns {Promise<Explanation>}
   */
  explain(instance, neighbours) {
    return this.#post(neighbours === null ? "explain" : `explain?neighbours=${neighbours}`, instance);
  }

  /** The attributions of a picture's pixels, over the picture. @param {Blob} picture @returns {Promise<ImageBitmap>} */
  heatmap(picture) {
    const headers = { "Content-Type": picture.type, Accept: PNG };
    const read = async (/** @type {Response} */ response) => createImageBitmap(await response.blob());
    return this.#ask("explain", { method: "POST", headers, body: picture }, read);
  }

  /** The first `limit` entries of the state_dict with names of a pattern, without values. @returns {Promise<State>} */
  state(pattern = "*", limit = 2000) {
    return this.#ask(`state?${new URLSearchParams({ statistics: "false", limit: String(limit), only: pattern })}`);
  }

  /**
   * The children of a module of the state, and so many levels below them as have few nodes.
   * @param {string} path  "" is the whole state.
   * @param {number} offset  The number of children before the first.
   * @returns {Promise<StateBranch>}
   */
  branch(path, offset = 0) {
    const page = { limit: String(MOST_NODES), nodes: String(MOST_NODES), offset: String(offset) };
    return this.#ask(`state?${new URLSearchParams({ tree: "true", fold: "false", branch: path, ...page })}`);
  }

  /** @param {string} name @param {string} slice  In NumPy's notation; "" is the whole. @returns {Promise<Tensor>} */
  tensor(name, slice = "") {
    const path = `${this.tensorPath(name, "npy")}${slice && `&slice=${encodeURIComponent(slice)}`}`;
    return this.#ask(path, { headers: { Accept: NPY } }, readNpy);
  }

  /**
   * A picture of a tensor: mean, least and largest value of each block, [3, rows, columns].
   * @param {string} name
   * @param {{ slice: string, rows: number, columns: number }} options
   * @returns {Promise<{ blocks: Tensor, read: number }>}
   */
  blocks(name, { slice, rows, columns }) {
    const query = new URLSearchParams({ blocks: `${rows}x${columns}`, ...(slice && { slice }) });
    const read = async (/** @type {Response} */ response) => ({
      blocks: await readNpy(response),
      read: Number(response.headers.get("x-read-elements")),
    });
    return this.#ask(`state/${encodeURIComponent(name)}?${query}`, { headers: { Accept: NPY } }, read);
  }

  /**
   * One entry with its statistics, and on request more.
   * @param {string} name
   * @param {Record<string, string>} query
   * @returns {Promise<StateEntry>}
   */
  entry(name, query) {
    return this.#ask(`state/${encodeURIComponent(name)}?${new URLSearchParams({ values: "false", ...query })}`);
  }

  /** The address of a tensor's download, relative to the base. @param {string} name @param {string} format */
  tensorPath(name, format) {
    return `state/${encodeURIComponent(name)}?format=${format}`;
  }

  /** @template {AnyPrediction} Answer @param {Promise<Answer>} asked */
  async #predicted(asked) {
    const tell = (/** @type {string | null} */ detail) => this.dispatchEvent(new CustomEvent("answered", { detail }));
    try {
      const answer = await asked;
      tell(answer.model?.state_sha256 ?? null);
      return answer;
    } catch (error) {
      if (error instanceof Problem && error.status === 422) tell(null);
      throw error;
    }
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
      throw response ? error : new Unreachable("The service does not answer.");
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

/** A name in a path. A browser takes . and .. for folders, also if they are escaped. @param {string} kind @param {string} name */
function segment(kind, name) {
  if (/^\.{0,2}$/.test(name)) throw new Error(`no ${kind} '${name}'`);
  return encodeURIComponent(name);
}
