/** The panels of one version of a model of tables. They are in the current <main>, and are removed with it. */

import { RequestQueue, sparing } from "./data/request_queue.js";
import { part, partOf, reveal } from "./draw/element.js";
import { whenInView } from "./draw/in_view.js";
import { forgetRefusal, introduce, showFailure } from "./introduction.js";
import { answeredNumbers } from "./model/answered_number.js";
import { leading } from "./model/card.js";
import { examplesOf } from "./model/examples.js";
import { Instance } from "./model/instance.js";
import { numberPlaces } from "./model/plane.js";
import { Reasons } from "./model/reasons.js";
import { showNetwork, showState } from "./model_state.js";
import { Batch } from "./panels/batch.js";
import { Curves } from "./panels/curves.js";
import { Details } from "./panels/details.js";
import { ExplanationView } from "./panels/explanation.js";
import { showGuide } from "./panels/guide.js";
import { DecisionMap } from "./panels/map.js";
import { MonitoringView } from "./panels/monitoring.js";
import { Network } from "./panels/network.js";
import { offerNumbers } from "./panels/number_choice.js";
import { PredictionView } from "./panels/prediction.js";
import { Sliders } from "./panels/sliders.js";
import { Snippets } from "./panels/snippets.js";
import { LayersView } from "./panels/tensors/layers.js";
import { OutputsView } from "./panels/tensors/outputs.js";

/**
 * @import { Card, Model, Service, StateBranch } from "./data/answers.js"
 * @import { Api, Input, Query } from "./data/api.js"
 * @import { AnsweredNumber } from "./model/answered_number.js"
 * @import { Reason } from "./model/reasons.js"
 * @import { TrainingRows } from "./model/training_rows.js"
 */
/** @typedef {{ model: Model, rows: TrainingRows | null, state: StateBranch | null, service: Service }} Loaded */

export class VersionPage {
  #api;
  #model;

  /**
   * @param {Api} api  Of this version.
   * @param {Loaded} loaded
   * @param {string[]} versions  All versions of the model.
   * @param {Input} input  The initial values of the sliders.
   */
  constructor(api, { model, rows, state, service }, versions, input) {
    const { card } = model;
    this.#api = api;
    this.#model = model;
    this.instance = new Instance(card.features);
    this.refused = this.instance.take(input);
    this.details = new Details(card);
    introduce(model);
    const examples = examplesOf(card, rows);
    const forget = showGuide(model, examples, async (place) => this.instance.replace(await examples[place].values()));
    this.instance.addEventListener("change", forget);
    const sliders = new Sliders(card, this.instance, rows);
    offerInputs(rows, this.instance);
    const numbers = answeredNumbers(card, model.signature.outputs);
    const [curves, map] = this.#drawPlane(card, rows, numbers);
    this.batch = new Batch(card, model.signature.outputs, this.instance, this.details, api);
    new Snippets(
      api,
      model,
      () => this.instance.toJSON(),
      () => this.details.query,
      [this.instance, this.details],
    );
    showState(api, model, state, versions);
    new MonitoringView(api, card, service.prediction_log);
    const network = showNetwork(api, model, state, () => this.instance.values);
    const predicting = this.#predicting(card);
    const reasons = new Reasons(api, model, state !== null);
    const explaining = this.#explaining(reasons, [sliders, map, curves, network, new LayersView(model, state && api)]);
    const predict = () => {
      if (!this.instance.lacking.length)
        predicting.want({ instance: this.instance.toJSON(), query: this.details.query });
    };
    const explain = () => {
      if (!this.instance.lacking.length) explaining.want(this.instance);
    };
    this.instance.addEventListener("change", predict);
    this.instance.addEventListener("change", explain);
    this.details.addEventListener("change", predict);
    offerReasons(reasons, numbers, explain);
    predict();
    explain();
  }

  /** Ask once more for all that depends on the input: the service was away. */
  askAgain() {
    this.instance.dispatchEvent(new Event("change"));
  }

  /** Answers that arrive later are not shown. */
  close() {
    this.#api.close();
  }

  /** The panels over one and two numbers, each null if the table has fewer. @param {Card} card @param {TrainingRows | null} rows @param {AnsweredNumber[]} numbers @returns {[Curves | null, DecisionMap | null]} */
  #drawPlane(card, rows, numbers) {
    const count = numberPlaces(card).length;
    reveal("map", count > 1);
    part("curves").hidden = count === 0;
    return [
      count > 0 ? new Curves(card, this.instance, this.details, this.#api, rows, numbers) : null,
      count > 1 ? new DecisionMap(card, this.instance, this.details, this.#api, rows, numbers) : null,
    ];
  }

  /** @param {Card} card */
  #predicting(card) {
    const prediction = new PredictionView(card, this.#model.signature.outputs);
    const outputs = new OutputsView(this.#model.signature.outputs);
    this.instance.addEventListener("lack", () => {
      prediction.clear(this.instance.lacking);
      outputs.clear();
      forgetRefusal();
    });
    return new RequestQueue(
      (/** @type {{ instance: Input, query: Query }} */ { instance, query }) => this.#api.predict(instance, query),
      (answer) => {
        if (this.instance.lacking.length) return;
        const shown = leading(card, answer);
        outputs.clear();
        if (!prediction.show(shown) || shown !== answer) outputs.show(shown.outputs ?? {});
        part("failure").hidden = true;
      },
      (error) => {
        prediction.clear();
        outputs.clear();
        showFailure(error);
      },
    );
  }

  /** @param {Reasons} reasons @param {[Sliders, DecisionMap | null, Curves | null, Network | null, LayersView]} panels */
  #explaining(reasons, [sliders, map, curves, network, layers]) {
    const { card } = this.#model;
    const why = new ExplanationView(card, this.instance);
    const [drawWhy, drawNetwork, drawLayers] = ["explanation", "network", "layers"].map((id) => whenInView(part(id)));
    const show = (/** @type {Reason | null} */ reason) => {
      const found = reason?.explanation?.counterfactual;
      drawLayers(() => layers.show(reason?.activations ?? null, reason?.refusal));
      drawNetwork(() => network?.show(reason?.activations ?? null));
      map?.markCounterfactual(found ? card.features.map(({ name }) => found.features[name]) : null);
      for (const panel of [map, curves]) panel?.begin(reason?.contributions ?? null);
    };
    const hide = (/** @type {string} */ message) => {
      why.hide(message);
      show(null);
    };
    this.instance.addEventListener("lack", () => hide("The input lacks a number."));
    return new RequestQueue(
      sparing((/** @type {Instance} */ instance) => reasons.of(instance)),
      (reason) => {
        if (this.instance.lacking.length) return;
        drawWhy(() => why.show(reason));
        sliders.sort(reason.contributions);
        show(reason);
      },
      ({ message }) => hide(message),
    );
  }
}

/** What is explained: of several numbers one, and the neighbours of which classes. @param {Reasons} reasons @param {AnsweredNumber[]} numbers @param {() => void} explain */
function offerReasons(reasons, numbers, explain) {
  [reasons.number] = numbers;
  offerNumbers("why-number", numbers, (number) => {
    reasons.number = number;
    explain();
  });
  part("neighbours-every").addEventListener("change", () => {
    reasons.everyClass = partOf(HTMLInputElement, "neighbours-every").checked;
    explain();
  });
}

/** @param {TrainingRows | null} rows @param {Instance} instance */
function offerInputs(rows, instance) {
  part("reset").addEventListener("click", () => instance.reset());
  part("sample").hidden = !rows;
  if (!rows) return;
  const { length } = rows.labels;
  part("sample").addEventListener("click", async () =>
    instance.replace(await rows.row(Math.floor(Math.random() * length))),
  );
}
