/** The answer: the predicted class with the probabilities, or the values; and warnings. */

import { Bar } from "../draw/bar.js";
import { element, part, swatch } from "../draw/element.js";
import { alike, exact, percent, probabilityText, short } from "../draw/number_text.js";
import { numbersOf } from "../model/card.js";

/** @import { AnyPrediction, Card, Novelty, Output } from "../data/answers.js" */

/** More classes are sorted by their probabilities, and the others shown on demand. */
const MOST_CLASSES = 6;

export class PredictionView {
  #card;
  #outputs;
  #all = false;
  /** @type {Map<string, Bar>} */
  #bars = new Map();
  /** Those of the last answer. @type {Record<string, number>} */
  #probabilities = {};

  /** @param {Card} card @param {Output[]} outputs  Those of the signature. */
  constructor(card, outputs) {
    this.#card = card;
    this.#outputs = outputs;
    part("classes-all").addEventListener("click", () => {
      this.#all = !this.#all;
      this.#arrange();
    });
    this.clear();
  }

  /** Remove the answer: it would be that for another input. @param {string[]} lacking  The features without a number. */
  clear(lacking = []) {
    part("verdict").textContent = "No answer";
    // The bars keep their place: what is below, such as the pad, does not move.
    part("probabilities").classList.add("stale");
    part("interval").hidden = true;
    part("warnings").replaceChildren(...lacking.map((name) => element("p", {}, `${name}: a number is needed`)));
    showNovelty();
  }

  /** Show a class or values. Returns whether there were some; if not, the verdict is empty. @param {AnyPrediction} answer */
  show(answer) {
    const { class: name, probabilities, index = -1, warnings = [] } = answer;
    showNovelty(answer.novelty);
    part("warnings").replaceChildren(
      ...warnings.map(({ feature, value, detail }) => element("p", {}, `${feature} ${exact(value)} is ${detail}`)),
    );
    if (!probabilities || name === undefined) return this.#showValues(answer.outputs);
    // Beside other outputs, the class needs the name of its own.
    const output = answer.outputs ? `${this.#card.output?.name}: ` : "";
    const sure = element("span", { class: "probability" }, probabilityText(probabilities[name]));
    part("verdict").replaceChildren(swatch(index), element("span", { class: "what" }, `${output}${name}`), sure);
    part("verdict").classList.toggle("long", name.length > 24);
    this.#probabilities = probabilities;
    part("probabilities").classList.remove("stale");
    this.#arrange();
    return true;
  }

  /** @param {AnyPrediction["outputs"]} outputs */
  #showValues(outputs) {
    const numbers = numbersOf(this.#outputs, outputs);
    if (!numbers) {
      part("verdict").textContent = "";
      return false;
    }
    const name = (/** @type {string} */ given) => (numbers.length === 1 ? (this.#card.target ?? given) : given);
    const { interval, output } = numbers[0];
    const [first, ...ends] = interval ? alike([numbers[0].value, ...interval]) : [short(numbers[0].value, 6)];
    const texts = numbers.map(({ output, value }, place) =>
      `${name(output.name)} ${place ? short(value, 6) : first} ${output.unit ?? ""}`.trim(),
    );
    part("verdict").textContent = texts.join(", ");
    part("interval").hidden = !interval;
    if (!interval) return true;
    const share = this.#card.level === null ? "Interval" : `${short(100 * this.#card.level)} % interval`;
    part("interval").textContent = `${share}: ${ends.join(" to ")} ${output.unit ?? ""}`.trim();
    return true;
  }

  /** Few classes stay in order, so that they do not move; many are sorted. */
  #arrange() {
    const names = Object.keys(this.#probabilities);
    const many = names.length > MOST_CLASSES;
    if (many) names.sort((a, b) => this.#probabilities[b] - this.#probabilities[a]);
    const shown = many && !this.#all ? names.slice(0, MOST_CLASSES) : names;
    const bars = shown.map((name) => this.#bar(name));
    const list = part("probabilities");
    list.hidden = !bars.length;
    list.classList.toggle(
      "long",
      names.some((name) => name.length > 16),
    );
    if (bars.some((bar, place) => list.children[place] !== bar) || list.children.length !== bars.length)
      list.replaceChildren(...bars);
    part("classes-all").hidden = !many;
    part("classes-all").textContent = this.#all ? `Only ${MOST_CLASSES} classes` : `All ${names.length} classes`;
    part("classes-all").setAttribute("aria-expanded", String(this.#all));
  }

  /** @param {string} name */
  #bar(name) {
    const bar = this.#bars.get(name) ?? new Bar(name, this.#card.classes.indexOf(name));
    this.#bars.set(name, bar);
    bar.show(this.#probabilities[name]);
    return bar.root;
  }
}

/** The input's distance, compared with those of the training rows. @param {Novelty} [novelty] */
function showNovelty(novelty) {
  const note = part("novelty");
  note.classList.toggle("outside", novelty?.out_of_distribution ?? false);
  note.hidden = !novelty;
  if (!novelty) return;
  const { distance, training_share: share, out_of_distribution: outside } = novelty;
  const place = `${outside ? "the" : "The"} input is ${short(distance, 3)} standard deviations from the nearest class mean, farther than ${percent(share)} of the training rows`;
  note.textContent = outside ? `Out of distribution: ${place}` : place;
}
