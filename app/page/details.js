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
    if (!calibration) return;
    part("temperature").textContent = ` (T = ${short(calibration.temperature, 3)})`;
    part("calibration-error").textContent = reliability(calibration);
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

/** How far confidence is from accuracy, on how many rows that was measured, and how surely. */
function reliability({ before, after, bootstrap, measured_rows: rows, measured_on: on }) {
  const text = ({ expected_calibration_error: error, expected_calibration_error_interval: interval }) =>
    interval
      ? `${short(error, 3)} (${short(100 * bootstrap.level, 3)} % interval ${interval.map((end) => short(end, 3)).join(" to ")})`
      : short(error, 3);
  return `Expected calibration error on ${rows} ${on}: ${text(before)} as it is, ${text(after)} calibrated.`;
}
