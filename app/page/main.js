/** Assembly: the service's model becomes a page. */

import { Api } from "./api.js";
import { keepInAddress } from "./address.js";
import { Batch } from "./batch.js";
import { Curves } from "./curves.js";
import { part } from "./element.js";
import { ExplanationView } from "./explanation.js";
import { Instance } from "./instance.js";
import { Latest, sparing } from "./latest.js";
import { DecisionMap } from "./map.js";
import { Network } from "./network.js";
import { PredictionView } from "./prediction.js";
import { Sliders } from "./sliders.js";
import { Snippets } from "./snippets.js";
import { StateBrowser } from "./state.js";
import { installTheme } from "./theme.js";

installTheme(part("theme"));
try {
  await open(new Api(new URL(".", document.baseURI).href));
} catch (error) {
  fail(error);
  throw error;
}

/** Fill the page from the model behind `api`. */
async function open(api) {
  const [model, state] = await Promise.all([api.model(), api.state()]);
  const [hidden, output] = await Promise.all(["hidden.weight", "output.weight"].map((name) => api.tensor(name)));
  const { card } = model;
  const instance = new Instance(card.features);
  keepInAddress(instance);
  introduce(model);
  new Sliders(part("sliders"), card, instance);
  const prediction = new PredictionView(card.classes);
  const map = new DecisionMap(card, instance, api);
  new Curves(card, instance, api);
  const network = new Network(card, instance, hidden, output);
  const why = new ExplanationView(card, instance);
  new Batch(card, instance, api);
  new Snippets(api, instance);
  new StateBrowser(api, card, state).open();
  offerInputs(card, instance);

  const predicting = new Latest(
    (question) => api.predict(question, card.mahalanobis),
    (answer) => {
      prediction.show(answer);
      part("failure").hidden = true;
    },
    (error) => {
      prediction.clear();
      fail(error);
    },
  );
  let explained = true;
  const explaining = new Latest(
    sparing((question) => api.explain(question)),
    (explanation) => {
      why.show(explanation);
      network.show(explanation);
      const found = explanation.counterfactual;
      map.markCounterfactual(found && card.features.map(({ name }) => found.features[name]));
    },
    (error) => {
      // 501: the installation or the card lacks what explanations need, and will lack it again.
      explained = error.status !== 501;
      why.hide(error.message);
      network.show(null);
      map.markCounterfactual(null);
    },
  );
  const ask = () => {
    predicting.want(instance.toJSON());
    if (explained) explaining.want(instance.toJSON());
  };
  instance.addEventListener("change", ask);
  ask();
}

function introduce({ name, version, state_sha256: sha256, totals, card }) {
  document.title = name;
  part("name").textContent = name;
  const facts = [
    `version ${version}`,
    `state ${sha256.slice(0, 12)}`,
    `${totals.parameters} parameters`,
    `trained on ${card.split.train_rows} rows of ${card.dataset}`,
    `test accuracy ${Math.round(card.metrics.test_accuracy * 1000) / 10} %`,
  ].join(" · ");
  part("facts").textContent = facts;
  part("facts").title = facts;
}

function offerInputs({ training_rows: kept }, instance) {
  part("reset").addEventListener("click", () => instance.reset());
  part("sample").hidden = !kept;
  part("sample").addEventListener("click", () => instance.replace(kept.rows[Math.floor(Math.random() * kept.rows.length)]));
}

function fail(error) {
  part("failure").textContent = error.message;
  part("failure").hidden = false;
}
