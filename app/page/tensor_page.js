/** The panels of one version of a model with any module: fields or a picture in, the answer, the state. */

import { RequestQueue, sparing } from "./data/request_queue.js";
import { part } from "./draw/element.js";
import { forgetRefusal, introduce, showFailure, textOf } from "./introduction.js";
import { leading } from "./model/card.js";
import { showNetwork, showState } from "./model_state.js";
import { showGuide } from "./panels/guide.js";
import { MonitoringView } from "./panels/monitoring.js";
import { PredictionView } from "./panels/prediction.js";
import { Snippets } from "./panels/snippets.js";
import { HeatmapView } from "./panels/tensors/heatmap_view.js";
import { LayersView } from "./panels/tensors/layers.js";
import { OutputsView } from "./panels/tensors/outputs.js";
import { PictureInput, pictureOf } from "./panels/tensors/picture_input.js";
import { TensorForm } from "./panels/tensors/tensor_form.js";

/**
 * @import { Activation, AnyPrediction, Input, Output } from "./data/answers.js"
 * @import { Api } from "./data/api.js"
 * @import { Loaded } from "./version_page.js"
 */

const MOST_PROBABILITIES = 100;
const FEW_NUMBERS = 8;

export class TensorPage {
  #api;
  #model;
  #prediction;
  #outputs;
  #layers;
  #network;
  #explaining;
  #mayLook;
  #snippets;
  /** Of a model of pictures. @type {HeatmapView | null} */
  #heatmap = null;
  /** @type {File | null} The picture that was sent last, unless JSON was sent after it. */
  #picture = null;
  /** @type {string | Blob | null} */
  #asked = null;
  /** Whether there is an answer on the page. */
  #answered = false;
  /** @type {(body: string | Blob) => void} */
  #ask = () => {};
  /** The file of the batch panel, which only tables have. */
  batch = null;
  /** What of the address was not taken: it has no input for these models. @type {string[]} */
  refused = [];

  /** @param {Api} api  Of this version. @param {Loaded} loaded @param {string[]} versions  All versions of the model. */
  constructor(api, { model, state, service }, versions) {
    this.#api = api;
    this.#mayLook = state !== null;
    this.#model = model;
    this.#prediction = new PredictionView(model.card, model.signature.outputs);
    this.#outputs = new OutputsView(model.signature.outputs);
    // Under a class, other outputs leave the view to the input, unless they are a few numbers.
    const others = model.signature.outputs.filter(({ name }) => name !== model.card.output?.name);
    if (model.card.classes.length && !others.every(isSmall)) part("json").after(part("outputs"));
    introduce(model);
    showGuide(model, [], () => {});
    this.instance = new TensorForm(model);
    this.#snippets = new Snippets(
      api,
      model,
      () => this.#picture ?? this.instance.value,
      () => ({}),
      [this.instance],
    );
    showState(api, model, state, versions);
    new MonitoringView(api, model.card, service.prediction_log);
    this.#layers = new LayersView(model, state && api);
    const network = showNetwork(api, model, state, () => numbersIn(this.#asked));
    this.#explaining = new RequestQueue(
      sparing((/** @type {string | Blob} */ body) => api.explainBody(body, { method: "none", activations: "*" })),
      ({ activations }, body) => body === this.#asked && this.#explain(activations),
      (error, body) => body === this.#asked && !this.#isChanged() && this.#explain(null, textOf(error)),
    );
    this.#network = network;
    this.#predict();
  }

  /** Ask once more: the service was away. */
  askAgain() {
    if (this.#asked !== null) this.#ask(this.#asked);
    this.#heatmap?.askAgain();
  }

  /** Show what the layers return for the input of the answer, or why that is not known. @param {Activation[] | null} activations @param {string} [reason] */
  #explain(activations, reason) {
    this.#layers.show(activations, reason);
    this.#network?.show(activations);
  }

  /** Whether the fields were changed after the answer. */
  #compare() {
    const outdated = this.#answered && this.#isChanged();
    part("input").classList.toggle("outdated", outdated);
    part("outdated").hidden = !outdated;
  }

  /** Whether the fields say something else than what was asked. */
  #isChanged() {
    return typeof this.#asked === "string" && !this.instance.says(this.#asked);
  }

  /** Answers that arrive later are not shown. */
  close() {
    this.#api.close();
  }

  #predict() {
    const top = this.#model.card.classes.length > MOST_PROBABILITIES ? MOST_PROBABILITIES : null;
    const fail = (/** @type {Error} */ error) => {
      this.#clear();
      showFailure(error);
    };
    const predicting = new RequestQueue(
      (/** @type {string | Blob} */ body) => this.#api.predictBody(body, top),
      (answer) => this.#show(answer),
      fail,
    );
    const predict = (/** @type {string | Blob} */ body) => {
      this.#asked = body;
      this.#compare();
      predicting.want(body);
      if (this.#mayLook && !this.#model.card.program) this.#explaining.want(body);
    };
    this.#ask = predict;
    const predictJson = () => {
      this.#picture = null;
      this.#snippets.show();
      predict(this.instance.text);
    };
    this.instance.addEventListener("predict", predictJson);
    this.instance.addEventListener("edit", () => {
      this.#compare();
      // What was refused is no longer in the fields.
      if (!this.#answered && this.#isChanged()) this.#explain(null);
      forgetRefusal();
    });
    this.#clear();
    const input = pictureOf(this.#model);
    part("picture").hidden = !input;
    this.instance.fold(input !== null);
    if (input) this.#takePictures(input, predict, fail);
    else if (this.#model.example) predictJson();
  }

  /** @param {Input} input @param {(body: Blob) => void} predict @param {(error: Error) => void} fail */
  #takePictures(input, predict, fail) {
    // The pad is above the bars or the outputs, whose number changes with the model.
    const below = this.#model.card.classes.length ? part("probabilities") : part("prediction");
    below.before(part("input-title"), part("picture"));
    const picture = new PictureInput(input);
    const heatmap = new HeatmapView(this.#api, this.#model.card, showFailure);
    this.#heatmap = heatmap;
    const { example_is_noise: noise, card } = this.#model;
    picture.addEventListener("predict", async () => {
      part("picture-noise").hidden = !noise || !picture.hasExample;
      const body = await picture.body();
      this.#picture = body;
      this.#snippets.show();
      predict(body);
      heatmap.show(body);
    });
    const showExample = async () => picture.openExample(await this.#api.examplePicture(), !noise);
    part("picture-example").addEventListener("click", () => showExample().catch(fail));
    // Where a drawing is what the model knows, noise is no example to try.
    const empty = noise && card.classes.length > 0 && input.image?.mode === "L";
    part("picture-noise").hidden = !noise;
    part("picture-empty").hidden = !empty;
    part("picture-example").hidden = empty;
    if (empty) this.#explain(null, "There is no picture.");
    else showExample().catch(fail);
    picture.addEventListener("clear", () => {
      part("picture-noise").hidden = !noise;
      this.#asked = null;
      this.#clear();
      this.#explain(null, "There is no picture.");
      part("failure").hidden = true;
      heatmap.show(null);
    });
    picture.addEventListener("refused", (event) => {
      if (event instanceof CustomEvent) showFailure(new Error(event.detail));
    });
  }

  #clear() {
    this.#answered = false;
    this.#prediction.clear();
    this.#outputs.clear();
  }

  /** @param {AnyPrediction} answer */
  #show(answer) {
    this.#clear();
    this.#answered = true;
    this.#compare();
    part("failure").hidden = true;
    const shown = leading(this.#model.card, answer);
    if (this.#prediction.show(shown) && shown === answer) return;
    if (answer.predictions) this.#outputs.showMany(answer.predictions);
    else this.#outputs.show(shown.outputs ?? {});
  }
}

/** @param {Output} output */
function isSmall({ shape }) {
  const lengths = shape.slice(1);
  return lengths.every((length) => length > 0) && lengths.reduce((a, b) => a * b, 1) <= FEW_NUMBERS;
}

/** All numbers of a body, in order; of a picture none. @param {string | Blob | null} body @returns {number[]} */
function numbersIn(body) {
  if (typeof body !== "string") return [];
  const found = JSON.parse(body);
  const lists = found && typeof found === "object" && !Array.isArray(found) ? Object.values(found) : [found];
  return lists.flat(Infinity).map(Number);
}
