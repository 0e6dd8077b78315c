/** The explanation of the class: attributions, counterfactual, nearest training rows. */

import { element, part, swatch } from "../draw/element.js";
import { exact, fixed, short, signed } from "../draw/number_text.js";
import { table } from "../draw/table.js";

/**
 * @import { Card, Counterfactual, Explanation } from "../data/answers.js"
 * @import { Instance } from "../model/instance.js"
 */

export class ExplanationView {
  #card;
  #instance;

  /** @param {Card} card @param {Instance} instance */
  constructor(card, instance) {
    this.#card = card;
    this.#instance = instance;
  }

  /** @param {Explanation} explanation */
  show(explanation) {
    part("explanation-reason").hidden = true;
    part("explanation-parts").hidden = false;
    this.#showAttributions(explanation);
    this.#showCounterfactual(explanation.counterfactual, explanation.counterfactual_search);
    this.#showNeighbours(explanation.neighbours, explanation.training_rows);
  }

  /** Show only the reason why there is no explanation. @param {string} reason */
  hide(reason) {
    part("explanation-parts").hidden = true;
    part("explanation-reason").hidden = false;
    // The service marks code as in Markdown.
    const pieces = reason.split("`").map((text, place) => (place % 2 ? element("code", {}, text) : text));
    part("explanation-reason").replaceChildren("No explanation: ", ...pieces);
  }

  /** @param {Explanation} explanation */
  #showAttributions({ class: name, attributions }) {
    const values = this.#card.features.map((feature) => attributions.features[feature.name]);
    const largest = Math.max(...values.map(Math.abs), 1e-12);
    part("attributions").replaceChildren(
      ...this.#card.features.map((feature, place) => signedBar(feature.name, values[place], largest)),
    );
    const { logit, baseline_logit: from } = attributions;
    part("attributions-sum").textContent =
      `The logit of ${name} is ${signed(logit)}; at the baseline of the model card it is ${signed(from)}. Each feature's share of the difference, by integrated gradients; they sum to ${signed(logit - from)}.`;
  }

  /** @param {Counterfactual | null} found @param {{ statement: string }} search */
  #showCounterfactual(found, { statement }) {
    if (!found) {
      part("counterfactual").replaceChildren(element("p", { class: "note" }, sentence(statement)));
      return;
    }
    const text = `Becomes ${found.class} at a distance of ${short(found.distance, 3)} training ranges. ${sentence(statement)}`;
    const rows = this.#card.features.map(({ name, unit }, place) => [
      unit ? `${name} (${unit})` : name,
      exact(this.#instance.values[place]),
      exact(found.features[name]),
      signed(found.changes[name]),
    ]);
    const go = element("button", { type: "button" }, "Go there");
    go.addEventListener("click", () =>
      this.#instance.replace(this.#card.features.map(({ name }) => found.features[name])),
    );
    part("counterfactual").replaceChildren(
      table(["Feature", "Now", "Then", "Change"], rows, 1),
      element("p", { class: "note" }, text),
      go,
    );
  }

  /** @param {Explanation["neighbours"]} neighbours @param {Explanation["training_rows"]} of */
  #showNeighbours(neighbours, of) {
    const names = this.#card.features.map((feature) => feature.name);
    const rows = this.#card.classes.flatMap((name, index) =>
      (neighbours?.[name] ?? []).map(({ features, distance }) => [
        element("span", {}, swatch(index), ` ${name}`),
        short(distance, 3),
        ...names.map((feature) => exact(features[feature])),
      ]),
    );
    const sample =
      of && of.searched < of.total
        ? `Of a sample of ${of.searched} of ${of.total} training rows: nearer ones may exist.`
        : "";
    part("neighbours-sample").textContent = sample;
    part("neighbours").replaceChildren(
      neighbours
        ? table(["Class", "Distance", ...names], rows, 1)
        : element("p", { class: "note" }, "The model card holds no training rows."),
    );
  }
}

/** @param {string} text */
function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}

/** @param {string} name @param {number} value @param {number} largest */
function signedBar(name, value, largest) {
  const fill = element("i");
  const share = (50 * Math.abs(value)) / largest;
  fill.style.left = `${value < 0 ? 50 - share : 50}%`;
  fill.style.width = `${share}%`;
  fill.style.setProperty("--class", value < 0 ? "var(--negative)" : "var(--positive)");
  const bar = element("span", { class: "bar", "aria-hidden": "true" }, fill);
  return element(
    "li",
    {},
    element("span", { class: "name", title: name }, name),
    bar,
    element("span", { class: "number" }, fixed(value, largest)),
  );
}
