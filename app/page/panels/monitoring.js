/** The recent predictions of a version: classes, accuracy from feedback, drift against training. */

import { RequestQueue } from "../data/request_queue.js";
import { drawDrift } from "../draw/drift_chart.js";
import { classVariable, element, part, reveal, select } from "../draw/element.js";
import { figures } from "../draw/figures.js";
import { count, percent, short } from "../draw/number_text.js";
import { table } from "../draw/table.js";
import { onWidth } from "../draw/width.js";

/**
 * @import { Card, ClassCount, Feedback, FeatureDrift, Monitoring } from "../data/answers.js"
 * @import { Api } from "../data/api.js"
 */

const LEVELS = { none: "no drift", moderate: "moderate drift", major: "major drift" };

export class MonitoringView {
  #classes;
  #unit;
  /** @type {{ feature: FeatureDrift, root: HTMLElement }[]} */
  #plots = [];

  /**
   * @param {Api} api
   * @param {Card} card
   * @param {boolean} logged  Whether the service logs predictions; otherwise there is no panel.
   */
  constructor(api, { classes, output }, logged) {
    this.#classes = classes;
    this.#unit = output?.unit ?? "";
    reveal("monitoring", logged);
    if (!logged) return;
    part("monitoring-shares").hidden = !classes.length;
    part("monitoring-truth").textContent = `${classes.length ? "Accuracy" : "Error"} from feedback`;
    const requests = new RequestQueue(
      (/** @type {string} */ hours) => api.monitoring(hours),
      (answer) => this.#show(answer),
      (error) => this.#say(error.message, true),
    );
    const hours = select("monitoring-hours");
    const ask = () => requests.want(hours.value);
    hours.addEventListener("change", ask);
    part("monitoring-refresh").addEventListener("click", ask);
    onWidth(part("monitoring-features"), () => this.#draw());
    ask();
  }

  /** @param {string} text */
  #say(text, refused = false) {
    part("monitoring-status").textContent = text;
    part("monitoring-status").classList.toggle("refused", refused);
    part("monitoring-parts").hidden = refused;
  }

  /** @param {Monitoring} answer */
  #show({ predictions, classes, feedback, values, drift, window: { end }, other_states: others }) {
    const time = new Date(end).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    this.#say(
      `${predictions.toLocaleString("en")} predictions, as of ${time}. What this page asks does not count.${earlier(others)}`,
    );
    part("monitoring-classes").replaceChildren(...classes.map((each, index) => classBar(each, index)));
    this.#showFeedback(feedback);
    if (values) {
      const error = `Mean absolute error ${short(values.mean_absolute, 3)} ${this.#unit}`.trim();
      part("monitoring-accuracy").textContent = `${error} over ${count(values.count, "true value")}.`;
    }
    this.#showDrift(drift);
  }

  /** @param {Feedback} feedback */
  #showFeedback({ count: total, accuracy, confusion }) {
    part("monitoring-accuracy").textContent = total
      ? `${percent(accuracy ?? 0)} of ${count(total, "prediction")} whose true class is known.`
      : `No feedback: POST /feedback tells the true ${this.#classes.length ? "class" : "value"} of a prediction.`;
    part("monitoring-confusion").hidden = !total;
    const rows = confusion.map((counts, index) => [this.#classes[index], ...counts.map(String)]);
    part("monitoring-confusion").replaceChildren(table(["True class", ...this.#classes], rows, 1));
  }

  /** @param {Monitoring["drift"]} drift */
  #showDrift(drift) {
    part("monitoring-rows").textContent = drift
      ? `The newest ${drift.rows.toLocaleString("en")} rows against the training rows, by the deciles of those and beyond them, or by value.`
      : "The model card holds no histograms; predictions are logged and counted all the same.";
    this.#plots = (drift?.features ?? []).map((feature) => ({ feature, root: element("div", { class: "histogram" }) }));
    const blocks = this.#plots.map(({ feature, root }) =>
      element("div", {}, element("h4", {}, feature.name, level(feature)), root, statistics(feature)),
    );
    part("monitoring-features").replaceChildren(...blocks);
    this.#draw();
  }

  #draw() {
    for (const { feature, root } of this.#plots) drawDrift(root, feature);
  }
}

/** @param {ClassCount} answer @param {number} index */
function classBar({ class: name, count, share }, index) {
  const fill = element("i");
  fill.style.setProperty("--class", classVariable(index));
  fill.style.width = `${(share ?? 0) * 100}%`;
  const bar = element("span", { class: "bar", "aria-hidden": "true" }, fill);
  const number = element(
    "span",
    { class: "number", title: `${count} predictions` },
    share === null ? "none" : percent(share),
  );
  return element("li", {}, element("span", { class: "name", title: name }, name), bar, number);
}

/** @param {FeatureDrift} drift */
function level({ level: found }) {
  return found ? element("span", { class: `level ${found}` }, LEVELS[found]) : "";
}

/** @param {FeatureDrift} drift */
function statistics({ psi, ks, p_value: chance }) {
  if (psi === null) return element("p", { class: "note" }, "No predictions in this time.");
  const shown = { PSI: short(psi, 3), "p-value": short(chance, 2) };
  return figures(ks === null ? shown : { PSI: shown.PSI, KS: short(ks, 3), "p-value": shown["p-value"] });
}

/** @param {Monitoring["other_states"]} states */
function earlier(states) {
  const count = states.reduce((sum, { predictions }) => sum + predictions, 0);
  return count ? ` ${count.toLocaleString("en")} more are of earlier files under this version.` : "";
}
