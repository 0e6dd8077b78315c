/** All panels of one version of a model. They are in the current <main>, and are removed with it. */

import { Problem } from "./data/api.js";
import { RequestQueue, sparing } from "./data/request_queue.js";
import { part } from "./draw/element.js";
import { percent } from "./draw/number_text.js";
import { Instance } from "./model/instance.js";
import { Batch } from "./panels/batch.js";
import { Curves } from "./panels/curves.js";
import { Details } from "./panels/details.js";
import { DifferenceView } from "./panels/difference.js";
import { ExplanationView } from "./panels/explanation.js";
import { askForKey } from "./panels/key.js";
import { DecisionMap } from "./panels/map.js";
import { MonitoringView } from "./panels/monitoring.js";
import { Network } from "./panels/network.js";
import { PredictionView } from "./panels/prediction.js";
import { Sliders } from "./panels/sliders.js";
import { Snippets } from "./panels/snippets.js";
import { StateBrowser } from "./panels/state.js";

/**
 * @import { Card, Metrics, Model, Service, State } from "./data/answers.js"
 * @import { Api, Input, Query } from "./data/api.js"
 * @import { Tensor } from "./data/npy.js"
 */
/** @typedef {{ model: Model, state: State, service: Service, weights: Tensor[] }} Loaded */

export class VersionPage {
  #api;
  #explained = true;

  /**
   * @param {Api} api  Of this version.
   * @param {Loaded} loaded
   * @param {string[]} versions  All versions of the model.
   * @param {Input} input  The initial values of the sliders.
   */
  constructor(api, { model, state, service, weights }, versions, input) {
    const { card } = model;
    this.#api = api;
    this.instance = new Instance(card.features);
    this.instance.take(input);
    this.details = new Details(card);
    introduce(model);
    new Sliders(part("sliders"), card, this.instance);
    offerInputs(card, this.instance);
    const map = new DecisionMap(card, this.instance, this.details, api);
    new Curves(card, this.instance, this.details, api);
    this.batch = new Batch(card, this.instance, this.details, api);
    new Snippets(api, this.instance, this.details);
    new StateBrowser(api, card, state).open();
    new DifferenceView(api, model, state, versions);
    new MonitoringView(api, card, service.prediction_log);
    const predicting = this.#predicting(card);
    const explaining = this.#explaining(card, map, new Network(card, this.instance, weights[0], weights[1]));
    const predict = () => predicting.want({ instance: this.instance.toJSON(), query: this.details.query });
    const explain = () => this.#explained && explaining.want(this.instance.toJSON());
    this.instance.addEventListener("change", predict);
    this.instance.addEventListener("change", explain);
    this.details.addEventListener("change", predict);
    predict();
    explain();
  }

  /** Answers that arrive later are not shown. */
  close() {
    this.#api.close();
  }

  /** @param {Card} card */
  #predicting({ classes }) {
    const prediction = new PredictionView(classes);
    return new RequestQueue(
      (/** @type {{ instance: Input, query: Query }} */ { instance, query }) => this.#api.predict(instance, query),
      (answer) => {
        prediction.show(answer);
        part("failure").hidden = true;
      },
      (error) => {
        prediction.clear();
        showFailure(error);
      },
    );
  }

  /** @param {Card} card @param {DecisionMap} map @param {Network} network */
  #explaining(card, map, network) {
    const why = new ExplanationView(card, this.instance);
    return new RequestQueue(
      sparing((/** @type {Input} */ instance) => this.#api.explain(instance)),
      (explanation) => {
        why.show(explanation);
        network.show(explanation);
        const found = explanation.counterfactual;
        map.markCounterfactual(found && card.features.map(({ name }) => found.features[name]));
      },
      (error) => {
        // 501: the installation or the card cannot give explanations, so do not try again.
        this.#explained = !(error instanceof Problem && error.status === 501);
        why.hide(error.message);
        network.show(null);
        map.markCounterfactual(null);
      },
    );
  }
}

/** @param {Error} error */
export function showFailure(error) {
  part("failure").textContent = error.message;
  part("failure").hidden = false;
  // No key, a wrong one, or one without the scope for weights.
  if (error instanceof Problem && [401, 403].includes(error.status)) askForKey();
}

/** @param {Model} model */
export function introduce({ name, version, state_sha256: sha256, totals, card, warnings }) {
  document.title = name;
  part("name").textContent = name;
  const facts = [
    `version ${version}`,
    `state ${sha256.slice(0, 12)}`,
    `${totals.parameters} parameters`,
    ...(card.split ? [`trained on ${card.split.train_rows} rows of ${card.dataset}`] : []),
    ...(card.metrics ? [accuracy(card.metrics, card.split)] : []),
    ...warnings,
  ].join(" · ");
  part("facts").textContent = facts;
  part("facts").title = facts;
}

/** The accuracy of one split, and the mean over others, which is a better estimate. @param {Metrics} metrics @param {Card["split"]} split */
function accuracy(metrics, split) {
  const mean = metrics.seeds
    ? `, mean of ${metrics.seeds.count} seeds ${percent(metrics.seeds.mean_test_accuracy)}`
    : "";
  const rows = split ? ` on ${split.test_rows} rows` : "";
  return `test accuracy ${percent(metrics.test_accuracy)}${rows}${mean}`;
}

/** @param {Card} card @param {Instance} instance */
function offerInputs({ training_rows: kept }, instance) {
  part("reset").addEventListener("click", () => instance.reset());
  part("sample").hidden = !kept;
  const rows = kept?.rows ?? [];
  part("sample").addEventListener("click", () => instance.replace(rows[Math.floor(Math.random() * rows.length)]));
}
