/** What answers show beside the classes, if asked. Whoever shows answers listens to its "change". */

import { part } from "./element.js";
import { short } from "./scale.js";

export class Details extends EventTarget {
  #boxes;

  /** What the card does not hold is not offered. */
  constructor({ calibration, mahalanobis }) {
    super();
    const held = { calibrated: calibration, out_of_distribution: mahalanobis };
    this.#boxes = Object.keys(held).filter((name) => held[name]).map((name) => part(name));
    for (const box of this.#boxes) box.closest("label").hidden = false;
    part("details").hidden = !this.#boxes.length;
    part("details").addEventListener("change", () => this.dispatchEvent(new Event("change")));
    if (calibration) part("temperature").textContent = ` (T = ${short(calibration.temperature, 3)})`;
  }

  /** As /predict's query, {calibrated: true, out_of_distribution: true} at most. */
  get query() {
    return Object.fromEntries(this.#boxes.filter((box) => box.checked).map((box) => [box.id, true]));
  }

  /** As `query`, of what changes probabilities. */
  get calibration() {
    const { calibrated } = this.query;
    return calibrated ? { calibrated } : {};
  }
}
