/** The panels of one version of a model with any module: JSON in, the answer, and the state. */

import { RequestQueue } from "./data/request_queue.js";
import { part } from "./draw/element.js";
import { DifferenceView } from "./panels/difference.js";
import { JsonInput } from "./panels/json_input.js";
import { MonitoringView } from "./panels/monitoring.js";
import { PredictionView } from "./panels/prediction.js";
import { StateBrowser } from "./panels/state.js";
import { introduce, showFailure } from "./version_page.js";

/**
 * @import { AnyPrediction, Model, Prediction } from "./data/answers.js"
 * @import { Api } from "./data/api.js"
 * @import { Loaded } from "./version_page.js"
 */

const MOST_BARS = 10;
const MOST_CHARACTERS = 20_000;

export class TensorPage {
  #api;
  #classes;
  /** The file of the batch panel, which only a tabular classifier has. */
  batch = null;

  /** @param {Api} api  Of this version. @param {Loaded} loaded @param {string[]} versions  All versions of the model. */
  constructor(api, { model, state, service }, versions) {
    this.#api = api;
    this.#classes = classesOf(model);
    introduce(model);
    this.instance = new JsonInput(model);
    new StateBrowser(api, model.card, state).open();
    new DifferenceView(api, model, state, versions);
    new MonitoringView(api, model.card, service.prediction_log);
    const top = this.#classes.length > MOST_BARS ? MOST_BARS : null;
    const predicting = new RequestQueue(
      (/** @type {string} */ text) => this.#api.predictText(text, top),
      (answer) => this.#show(answer),
      (error) => {
        this.#clear();
        showFailure(error);
      },
    );
    this.instance.addEventListener("predict", () => predicting.want(this.instance.text));
    this.#clear();
    if (model.example) predicting.want(this.instance.text);
  }

  /** Answers that arrive later are not shown. */
  close() {
    this.#api.close();
  }

  #clear() {
    new PredictionView([]).clear();
    part("outputs").hidden = true;
  }

  /** @param {AnyPrediction} answer */
  #show(answer) {
    this.#clear();
    part("failure").hidden = true;
    if (answer.probabilities) {
      const shown = Object.keys(answer.probabilities);
      new PredictionView(shown, this.#classes).show(/** @type {Prediction} */ (answer));
      return;
    }
    const text = JSON.stringify(answer.outputs ?? answer.predictions, null, 1);
    part("verdict").textContent = "";
    part("outputs").textContent = text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)} …` : text;
    part("outputs").hidden = false;
  }
}

/** The classes of the first output that has some. @param {Model} model @returns {string[]} */
export function classesOf({ signature: { outputs } }) {
  const kinds = ["log_probabilities", "logits", "probabilities"];
  const found = outputs.find(({ kind, shape }) => kinds.includes(kind) && shape.length === 2);
  return found
    ? (found.classes ?? Array.from({ length: Math.max(found.shape[1], 0) }, (_, index) => String(index)))
    : [];
}
