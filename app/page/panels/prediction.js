/** The predicted class, the probabilities of all classes, and warnings. */

import { classVariable, element, part, swatch } from "../draw/element.js";
import { exact, percent, short } from "../draw/number_text.js";

/** @import { Novelty, Prediction } from "../data/answers.js" */

export class PredictionView {
  #bars;

  /** @param {string[]} classes  Those to show. @param {string[]} all  Those of the model. */
  constructor(classes, all = classes) {
    this.#bars = classes.map((name) => new Bar(name, all.indexOf(name)));
    part("probabilities").replaceChildren(...this.#bars.map((bar) => bar.root));
  }

  /** Remove the answer: it would be that for another input. */
  clear() {
    part("verdict").textContent = "No answer";
    this.#bars.forEach((bar) => bar.show(null));
    part("warnings").replaceChildren();
    showNovelty();
  }

  /** @param {Prediction} answer */
  show(answer) {
    const sure = element("span", { class: "probability" }, percent(answer.probabilities[answer.class]));
    part("verdict").replaceChildren(swatch(answer.index), element("span", {}, answer.class), sure);
    this.#bars.forEach((bar) => bar.show(answer.probabilities[bar.name]));
    showNovelty(answer.novelty);
    part("warnings").replaceChildren(
      ...answer.warnings.map(({ feature, value, detail }) =>
        element("p", {}, `${feature} ${exact(value)} is ${detail}`),
      ),
    );
  }
}

/** The input's distance, compared with those of the training rows. @param {Novelty} [novelty] */
function showNovelty(novelty) {
  const note = part("novelty");
  note.classList.toggle("outside", novelty?.out_of_distribution ?? false);
  note.hidden = !novelty;
  if (!novelty) return;
  const { distance, training_share: share, out_of_distribution: outside } = novelty;
  const place = `${short(distance, 3)} standard deviations from the nearest class mean, at least as far as ${percent(share)} of the training rows`;
  note.textContent = outside ? `Out of distribution: ${place}` : place;
}

class Bar {
  #fill = element("i");
  #number = element("span", { class: "number" });

  /** @param {string} name @param {number} index */
  constructor(name, index) {
    this.name = name;
    this.#fill.style.setProperty("--class", classVariable(index));
    const bar = element("span", { class: "bar", "aria-hidden": "true" }, this.#fill);
    this.root = element("li", {}, element("span", { class: "name", title: name }, name), bar, this.#number);
  }

  /** @param {number | null} probability */
  show(probability) {
    this.#fill.style.width = `${(probability ?? 0) * 100}%`;
    this.#number.textContent = probability === null ? "" : percent(probability);
  }
}
