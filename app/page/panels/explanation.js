/** The explanation of the answer: attributions, counterfactual, nearest training rows. */

import { element, part, partOf, swatch, withCode } from "../draw/element.js";
import { exact, fixed, short, signed, subtraction } from "../draw/number_text.js";
import { table } from "../draw/table.js";
import { NEAR_CLASSES } from "../model/reasons.js";

/**
 * @import { Card, Counterfactual, Explanation } from "../data/answers.js"
 * @import { Instance } from "../model/instance.js"
 * @import { Reason } from "../model/reasons.js"
 */

/** The most attributions, and the most columns of neighbours, that are shown at once. */
const MOST_ATTRIBUTIONS = 15;
const MOST_COLUMNS = 6;
/** The distance, in training ranges, below which the numbers of a change look alike. */
const ON_BORDER = 1e-5;

/** What is explained, by the kind of the output. @type {Record<string, string>} */
const SCORES = { logits: "logit", log_probabilities: "log-probability", probabilities: "probability" };
/** The baseline and the shares, by the method of /explain. @type {Record<string, [string, string]>} */
const METHODS = {
  card: ["at the baseline of the model card", "by integrated gradients"],
  shapley: ["with each number at its median, and no category,", "as a Shapley value"],
  integrated_gradients: ["with all zeros", "by integrated gradients"],
};

export class ExplanationView {
  #card;
  #instance;

  /** @param {Card} card @param {Instance} instance */
  constructor(card, instance) {
    this.#card = card;
    this.#instance = instance;
  }

  /** @param {Reason} reason */
  show({ explanation, contributions, of, scores, refusal }) {
    if (refusal) this.hide(refusal);
    else part("explanation-reason").hidden = true;
    const meaning = scores
      ? this.#shares(of, scores, largestOf(contributions))
      : `${this.#card.classes.length ? "The probability of " : ""}${of}, less its mean over the values of the feature while all others stay.`;
    this.#showContributions(contributions, meaning);
    part("explanation-parts").classList.toggle("alone", !explanation);
    for (const id of ["counterfactual-part", "neighbours-part"]) part(id).hidden = !explanation;
    if (!explanation) return;
    this.#showCounterfactual(explanation.counterfactual, explanation.counterfactual_search);
    this.#showNeighbours(explanation, this.#byContribution(contributions));
  }

  /** What the contributions sum to. @param {string} of @param {NonNullable<Reason["scores"]>} scores @param {number} largest */
  #shares(of, { score, from, method }, largest) {
    const { classes, output } = this.#card;
    const what = classes.length ? `The ${SCORES[output?.kind ?? "logits"]} of ${of}` : of;
    const [place, share] = METHODS[method] ?? METHODS.integrated_gradients;
    const [whole, less, difference] = subtraction(score, from, largest);
    return `${what} is ${whole}; ${place} it is ${less}. Each feature's share of the difference, ${share}; together ${difference}.`;
  }

  /** Say why there is no explanation by the service. @param {string} reason */
  hide(reason) {
    part("explanation-parts").hidden = true;
    part("explanation-reason").hidden = false;
    part("explanation-reason").replaceChildren("No explanation: ", ...withCode(reason));
  }

  /** The largest contributions, and the others on demand. @param {number[]} contributions @param {string} meaning */
  #showContributions(contributions, meaning) {
    const order = this.#byContribution(contributions);
    const largest = largestOf(contributions);
    const bars = order.map((place) => signedBar(this.#card.features[place].name, contributions[place], largest));
    const more = part("attributions-more");
    const rest = bars.slice(MOST_ATTRIBUTIONS);
    const list = part("attributions");
    list.classList.toggle(
      "long",
      this.#card.features.some(({ name }) => name.length > 16),
    );
    list.replaceChildren(...bars.slice(0, MOST_ATTRIBUTIONS));
    more.hidden = !rest.length;
    more.querySelector("summary")?.replaceChildren(`${rest.length} smaller attributions`);
    more.querySelector("ul")?.replaceChildren(...rest);
    part("attributions-sum").textContent = meaning;
    part("explanation-parts").hidden = false;
  }

  /** Few features stay in order, so that they do not move. @param {number[]} contributions */
  #byContribution(contributions) {
    const places = contributions.map((_, place) => place);
    if (places.length <= MOST_COLUMNS) return places;
    return places.sort((a, b) => Math.abs(contributions[b]) - Math.abs(contributions[a]));
  }

  /** @param {Counterfactual | null} found @param {{ statement: string }} search */
  #showCounterfactual(found, { statement }) {
    if (!found) {
      part("counterfactual").replaceChildren(element("p", { class: "note" }, sentence(statement)));
      return;
    }
    if (found.distance < ON_BORDER) {
      const text = `The input is on the border between the classes: the smallest step makes it ${found.class}.`;
      part("counterfactual").replaceChildren(element("p", { class: "note" }, text));
      return;
    }
    const { features } = this.#card;
    const changed = features.filter(({ name }) => found.changes[name] !== 0);
    const stay = features.length - changed.length;
    const text = `Becomes ${found.class} at a distance of ${short(found.distance, 3)} training ranges${
      stay ? `; the other ${stay} features stay` : ""
    }. ${sentence(statement)}`;
    const rows = changed
      .map(({ name, unit }) => ({
        name,
        title: unit ? `${name} (${unit})` : name,
        place: features.findIndex((each) => each.name === name),
      }))
      .map(({ name, title, place }) => [
        title,
        exact(this.#instance.values[place]),
        exact(found.features[name]),
        signed(found.changes[name]),
      ]);
    const go = element("button", { type: "button" }, "Go there");
    go.addEventListener("click", () => this.#instance.replace(features.map(({ name }) => found.features[name])));
    part("counterfactual").replaceChildren(
      element(
        "div",
        { class: "scroll", tabindex: 0, role: "region", "aria-label": "Changes" },
        table(["Feature", "Now", "Then", "Change"], rows, 1),
      ),
      element("p", { class: "note" }, text),
      go,
    );
  }

  /** @param {Explanation} explanation @param {number[]} order  The places of the features that matter most first. */
  #showNeighbours({ neighbours, probabilities, training_rows: of }, order) {
    const { features, classes } = this.#card;
    const all = partOf(HTMLInputElement, "neighbours-all");
    part("neighbours-columns").hidden = !neighbours || features.length <= MOST_COLUMNS;
    part("neighbours-classes").hidden = !neighbours || classes.length <= NEAR_CLASSES;
    const names = Object.keys(neighbours ?? {});
    if (classes.length > NEAR_CLASSES) names.sort((a, b) => probabilities[b] - probabilities[a]);
    const show = () => {
      const columns = (all.checked ? features.map((_, place) => place) : order.slice(0, MOST_COLUMNS)).map(
        (place) => features[place].name,
      );
      const rows = names.flatMap((name) =>
        (neighbours?.[name] ?? []).map(({ features: values, distance }) => [
          element("span", {}, swatch(classes.indexOf(name)), ` ${name}`),
          short(distance, 3),
          ...columns.map((column) => exact(values[column])),
        ]),
      );
      part("neighbours").replaceChildren(
        neighbours
          ? table(["Class", "Distance", ...columns], rows, 1)
          : element("p", { class: "note" }, "The model card holds no training rows."),
      );
    };
    all.onchange = show;
    show();
    part("neighbours-sample").textContent =
      of && of.searched < of.total
        ? `Of a sample of ${of.searched} of ${of.total} training rows: nearer ones may exist.`
        : "";
  }
}

/** @param {number[]} contributions */
function largestOf(contributions) {
  return Math.max(...contributions.map(Math.abs), 1e-12);
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
