/** Why the model gives its answer: what /explain says, and where it says nothing, a comparison of answers. */

import { Problem } from "../data/api.js";
import { scores } from "../data/scores.js";
import { comparisonRows, effects } from "./effects.js";

/**
 * @import { Activation, Explanation, Model } from "../data/answers.js"
 * @import { Api } from "../data/api.js"
 * @import { AnsweredNumber } from "./answered_number.js"
 * @import { Instance } from "./instance.js"
 */
/**
 * @typedef {object} Reason
 * @property {Explanation | null} explanation  That of a tabular classifier.
 * @property {number[]} contributions  For each feature.
 * @property {string} of  The class, or the name of the value.
 * @property {{ score: number, from: number, method: string } | null} scores  null: the contributions are effects.
 * @property {Activation[] | null} activations
 * @property {string} refusal  Why /explain gave less, if it did.
 */

// 501: the installation or the model cannot give it. 403: the key may not ask. So do not try again.
const FINAL = [401, 403, 501];
/** The most probable classes whose nearest training rows are asked for. */
export const NEAR_CLASSES = 6;

export class Reasons {
  #api;
  #card;
  /** The name of the table, for any module. */
  #input;
  /** The queries of /explain that were not refused. @type {Record<string, string>[]} */
  #queries;
  #refusal;
  /** Whether the nearest training rows of all classes are wanted. */
  everyClass = false;
  /** The number that is explained; undefined for classes. @type {AnsweredNumber | undefined} */
  number = undefined;

  /** @param {Api} api @param {Model} model @param {boolean} allowed  Whether the key may ask /explain. */
  constructor(api, { card, signature, unexplained }, allowed) {
    this.#api = api;
    this.#card = card;
    this.#input = signature.inputs[0].name;
    const offered = card.output ? [{ activations: "*" }, { activations: "*", method: "none" }] : [{}];
    this.#queries = allowed ? offered.slice(unexplained ? 1 : 0) : [];
    this.#refusal = (allowed && unexplained) || "";
  }

  /** Raises the errors of Api, but for refusals of /explain. @param {Instance} instance @returns {Promise<Reason>} */
  async of(instance) {
    const { values } = instance;
    const found = await this.#explain(instance);
    return found?.contributions ? found : { ...(await this.#compare(values)), activations: found?.activations ?? null };
  }

  /** @param {Instance} instance @returns {Promise<any>} */
  async #explain(instance) {
    while (this.#queries.length) {
      try {
        return this.#card.output
          ? await this.#ofModule(instance, this.#queries[0])
          : await this.#ofClassifier(instance);
      } catch (error) {
        if (!(error instanceof Problem && FINAL.includes(error.status))) throw error;
        this.#refusal ||= error.message;
        this.#queries = error.status === 501 ? this.#queries.slice(1) : [];
      }
    }
    return null;
  }

  /** @param {Instance} instance */
  async #ofClassifier(instance) {
    const explanation = await this.#api.explain(instance.toJSON(), this.everyClass ? null : NEAR_CLASSES);
    const { class: of, attributions, activations } = explanation;
    return {
      explanation,
      contributions: this.#card.features.map(({ name }) => attributions.features[name]),
      of,
      scores: { score: attributions.logit, from: attributions.baseline_logit, method: "card" },
      activations: Object.entries(activations).map(([layer, values]) => ({ layer, shape: [1, values.length], values })),
      refusal: "",
    };
  }

  /** @param {Instance} instance @param {Record<string, string>} query */
  async #ofModule(instance, query) {
    const { number } = this;
    const asked = number ? { ...query, output: number.output.name, target: String(number.column) } : query;
    const found = await this.#api.explainBody(JSON.stringify(instance.toJSON()), asked);
    const by = found.attributions?.[this.#input];
    return {
      explanation: null,
      contributions: by && this.#card.features.map(({ name }) => by[name]),
      of: found.class ?? this.#nameOf(number),
      scores: { score: found.score ?? NaN, from: found.baseline_score ?? NaN, method: found.method },
      activations: found.activations,
      refusal: "",
    };
  }

  /** @param {readonly number[]} values */
  async #compare(values) {
    const { features, classes } = this.#card;
    const { number } = this;
    const rows = Float32Array.from(comparisonRows(features, values).flat());
    const found = await scores(this.#api, this.#card, rows, {}, number);
    const first = [...found.data.subarray(0, found.shape[1])];
    const column = classes.length ? first.indexOf(Math.max(...first)) : 0;
    return {
      explanation: null,
      contributions: effects(features, found, column),
      of: classes[column] ?? this.#nameOf(number),
      scores: null,
      refusal: this.#refusal,
    };
  }

  /** @param {AnsweredNumber | undefined} number */
  #nameOf(number) {
    return number?.name ?? this.#card.target ?? this.#card.output?.name ?? "";
  }
}
