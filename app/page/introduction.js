/** The name of the model, what is known about it, and a failure of the service. */

import { Problem, Unreachable } from "./data/api.js";
import { hasKey } from "./data/credentials.js";
import { part } from "./draw/element.js";
import { percent, short } from "./draw/number_text.js";
import { askForKey } from "./frame/key.js";
import { awaitService } from "./frame/outage.js";

/** @import { Card, Metrics, Model } from "./data/answers.js" */

/** Whether the failure is about the input: it goes with the input. */
let ofInput = false;

/** @param {Error} error */
export function showFailure(error) {
  // No key, a wrong one, or one without the scope.
  const key = error instanceof Problem && [401, 403].includes(error.status);
  ofInput = !key && !(error instanceof Unreachable);
  part("failure").textContent = key ? `${reasonOf(error)} Enter ${hasKey() ? "another" : "one"} below.` : textOf(error);
  part("failure").hidden = false;
  if (error instanceof Unreachable) awaitService();
  if (key) askForKey();
}

/** With all faults that the service lists. @param {Error} error */
export function textOf(error) {
  return error instanceof Problem ? error.text : error.message;
}

/** Hide what was said of an input that is no longer the one on the page. */
export function forgetRefusal() {
  if (ofInput) part("failure").hidden = true;
}

/** The service tells a program to send a header; on the page a key is entered. @param {Problem} error */
function reasonOf({ status, message }) {
  if (status === 403) return `${message}.`;
  return hasKey() ? "The service does not know this key." : "The service needs an API key.";
}

/** @param {Model} model */
export function introduce({ name, version, state_sha256: sha256, totals, card, warnings }) {
  document.title = name;
  part("name").textContent = name;
  part("facts").textContent = [
    ...(card.metrics ? quality(card.metrics, card.split) : []),
    ...(card.split ? [`trained on ${card.split.train_rows.toLocaleString("en")} rows of ${card.dataset}`] : []),
    `${totals.parameters.toLocaleString("en")} parameters`,
    `version ${version}`,
    `state ${sha256.slice(0, 12)}`,
    ...warnings,
  ].join(" · ");
}

/** The accuracy of one split, and the mean over others, which is a better estimate; or R2. @param {Metrics} metrics @param {Card["split"]} split */
function quality({ test_accuracy: accuracy, test_r2: r2, seeds }, split) {
  const mean = seeds ? `, mean of ${seeds.count} seeds ${percent(seeds.mean_test_accuracy)}` : "";
  const rows = split ? ` on ${split.test_rows.toLocaleString("en")} rows` : "";
  if (accuracy !== undefined) return [`test accuracy ${percent(accuracy)}${rows}${mean}`];
  return r2 === undefined ? [] : [`test R2 ${short(r2, 3)}${rows}`];
}

/** Say what the key may not see, and offer to use another. */
export function showLimits() {
  part("limits").hidden = false;
  part("limits-key").addEventListener("click", askForKey);
}
