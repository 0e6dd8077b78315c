/** All panels of one version of a model. They live in the present <main>, and go with it. */

import { Batch } from "./batch.js";
import { Curves } from "./curves.js";
import { Details } from "./details.js";
import { DifferenceView } from "./difference.js";
import { part } from "./element.js";
import { ExplanationView } from "./explanation.js";
import { Instance } from "./instance.js";
import { askForKey } from "./key.js";
import { Latest, sparing } from "./latest.js";
import { DecisionMap } from "./map.js";
import { MonitoringView } from "./monitoring.js";
import { Network } from "./network.js";
import { PredictionView } from "./prediction.js";
import { percent } from "./scale.js";
import { Sliders } from "./sliders.js";
import { Snippets } from "./snippets.js";
import { StateBrowser } from "./state.js";

export class Views {
  #api;
  #explained = true;

  /** `api` is that of the version, `versions` are all that the model has, `input` is what the
   * sliders start with, {feature: number}. */
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
    const explaining = this.#explaining(card, map, new Network(card, this.instance, ...weights));
    const predict = () => predicting.want({ instance: this.instance.toJSON(), query: this.details.query });
    const explain = () => this.#explained && explaining.want(this.instance.toJSON());
    this.instance.addEventListener("change", predict);
    this.instance.addEventListener("change", explain);
    this.details.addEventListener("change", predict);
    predict();
    explain();
  }

  /** No answer that is still to come is shown, and nothing outside of <main> holds on to them. */
  close() {
    this.#api.close();
  }

  #predicting({ classes }) {
    const prediction = new PredictionView(classes);
    return new Latest(
      ({ instance, query }) => this.#api.predict(instance, query),
      (answer) => {
        prediction.show(answer);
        part("failure").hidden = true;
      },
      (error) => {
        prediction.clear();
        tellFailure(error);
      },
    );
  }

  #explaining(card, map, network) {
    const why = new ExplanationView(card, this.instance);
    return new Latest(
      sparing((question) => this.#api.explain(question)),
      (explanation) => {
        why.show(explanation);
        network.show(explanation);
        const found = explanation.counterfactual;
        map.markCounterfactual(found && card.features.map(({ name }) => found.features[name]));
      },
      (error) => {
        // 501: the installation or the card lacks what explanations need, and will lack it again.
        this.#explained = error.status !== 501;
        why.hide(error.message);
        network.show(null);
        map.markCounterfactual(null);
      },
    );
  }
}

export function tellFailure(error) {
  part("failure").textContent = error.message;
  part("failure").hidden = false;
  // No key, a wrong one, or one that may not see the weights.
  if ([401, 403].includes(error.status)) askForKey();
}

function introduce({ name, version, state_sha256: sha256, totals, card, warnings }) {
  document.title = name;
  part("name").textContent = name;
  const facts = [
    `version ${version}`,
    `state ${sha256.slice(0, 12)}`,
    `${totals.parameters} parameters`,
    ...(card.split ? [`trained on ${card.split.train_rows} rows of ${card.dataset}`] : []),
    ...(card.metrics ? [accuracy(card)] : []),
    ...warnings,
  ].join(" · ");
  part("facts").textContent = facts;
  part("facts").title = facts;
}

/** Of one split, and beside it the mean over others, which says more. */
function accuracy({ metrics, split }) {
  const mean = metrics.seeds ? `, mean of ${metrics.seeds.count} seeds ${percent(metrics.seeds.mean_test_accuracy)}` : "";
  return `test accuracy ${percent(metrics.test_accuracy)} on ${split.test_rows} rows${mean}`;
}

function offerInputs({ training_rows: kept }, instance) {
  part("reset").addEventListener("click", () => instance.reset());
  part("sample").hidden = !kept;
  part("sample").addEventListener("click", () => instance.replace(kept.rows[Math.floor(Math.random() * kept.rows.length)]));
}
