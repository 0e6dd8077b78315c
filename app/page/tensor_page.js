/** The panels of one version of a model with any module: JSON or a picture in, the answer, the state. */

import { RequestQueue } from "./data/request_queue.js";
import { part, partOf } from "./draw/element.js";
import { short } from "./draw/number_text.js";
import { DifferenceView } from "./panels/difference.js";
import { MonitoringView } from "./panels/monitoring.js";
import { PredictionView } from "./panels/prediction.js";
import { StateBrowser } from "./panels/state.js";
import { HeatmapView } from "./panels/tensors/heatmap_view.js";
import { JsonInput } from "./panels/tensors/json_input.js";
import { LayersView } from "./panels/tensors/layers.js";
import { PictureInput, pictureOf } from "./panels/tensors/picture_input.js";
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
  #model;
  #classes;
  /** The file of the batch panel, which only a tabular classifier has. */
  batch = null;

  /** @param {Api} api  Of this version. @param {Loaded} loaded @param {string[]} versions  All versions of the model. */
  constructor(api, { model, state, service }, versions) {
    this.#api = api;
    this.#model = model;
    this.#classes = classesOf(model);
    introduce(model);
    this.instance = new JsonInput(model);
    new StateBrowser(api, model.card, state).open();
    new DifferenceView(api, model, state, versions);
    new MonitoringView(api, model.card, service.prediction_log);
    new LayersView(model);
    const top = this.#classes.length > MOST_BARS ? MOST_BARS : null;
    const fail = (/** @type {Error} */ error) => {
      this.#clear();
      showFailure(error);
    };
    const predicting = new RequestQueue(
      (/** @type {string | Blob} */ body) => this.#api.predictBody(body, top),
      (answer) => this.#show(answer),
      fail,
    );
    const predictJson = () => predicting.want(this.instance.text);
    this.instance.addEventListener("predict", predictJson);
    this.#clear();
    this.#takePictures(predicting, fail);
    if (model.example) predictJson();
  }

  /** @param {RequestQueue<string | Blob, AnyPrediction>} predicting @param {(error: Error) => void} fail */
  #takePictures(predicting, fail) {
    const input = pictureOf(this.#model);
    part("picture").hidden = !input;
    partOf(HTMLDetailsElement, "json-more").open = !input;
    if (!input) return;
    const picture = new PictureInput(input, this.#model.example);
    const heatmap = new HeatmapView(this.#api, fail);
    picture.addEventListener("predict", async () => {
      const body = await picture.body();
      predicting.want(body);
      heatmap.show(body);
    });
    for (const type of ["clear", "refused"])
      picture.addEventListener(type, (event) => {
        this.#clear();
        heatmap.show(null);
        if (event instanceof CustomEvent) showFailure(new Error(event.detail));
      });
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
    const values = this.#values(answer.outputs);
    part("verdict").textContent = values;
    if (values) return;
    const text = JSON.stringify(answer.outputs ?? answer.predictions, null, 1);
    part("outputs").textContent = text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)} …` : text;
    part("outputs").hidden = false;
  }

  /** Outputs of one number each, with their units; empty if there are others. @param {AnyPrediction["outputs"]} outputs */
  #values(outputs = {}) {
    const texts = this.#model.signature.outputs.map(({ name, unit }) => {
      const value = [outputs[name]].flat();
      return value.length === 1 && typeof value[0] === "number" && `${name} ${short(value[0], 6)} ${unit ?? ""}`.trim();
    });
    return texts.every(Boolean) ? texts.join(", ") : "";
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
