/** The options of predictions: calibrated probabilities, and distance from the training rows. */

import { part, partOf } from "../draw/element.js";
import { short } from "../draw/number_text.js";

/**
 * @import { Calibration, Card, Reliability } from "../data/answers.js"
 * @import { Query } from "../data/api.js"
 */

/** Each change dispatches "change". */
export class Details extends EventTarget {
  #boxes;

  /** Show the options for which the card has data. @param {Card} card */
  constructor({ calibration, mahalanobis }) {
    super();
    const held = Object.entries({ calibrated: calibration, out_of_distribution: mahalanobis }).filter(
      ([, data]) => data,
    );
    this.#boxes = held.map(([name]) => partOf(HTMLInputElement, name));
    for (const box of this.#boxes) box.labels?.forEach((label) => (label.hidden = false));
    part("details").hidden = !this.#boxes.length;
    part("details").addEventListener("change", () => this.dispatchEvent(new Event("change")));
    if (!calibration) return;
    part("temperature").textContent = ` (temperature ${short(calibration.temperature, 3)})`;
    part("calibration-error").textContent = reliability(calibration);
  }

  /** The query of /predict. @returns {Query} */
  get query() {
    return Object.fromEntries(this.#boxes.filter((box) => box.checked).map((box) => [box.id, true]));
  }

  /** The part of `query` that changes probabilities. @returns {Query} */
  get calibration() {
    const { calibrated } = this.query;
    return calibrated ? { calibrated } : {};
  }
}

/** The gap between confidence and accuracy, the number of measured rows, and the interval. @param {Calibration} calibration */
function reliability({ before, after, bootstrap, measured_rows: rows, measured_on: on }) {
  /** @param {Reliability} reliability */
  const text = ({ expected_calibration_error: error, expected_calibration_error_interval: interval }) =>
    interval && bootstrap
      ? `${short(error, 3)} (${short(100 * bootstrap.level, 3)} % interval ${interval.map((end) => short(end, 3)).join(" to ")})`
      : short(error, 3);
  return `Expected calibration error on ${rows} ${on}: ${text(before)} as it is, ${text(after)} calibrated.`;
}
