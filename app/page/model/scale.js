/** Scales: round steps, slider ranges that end on them, ticks. */

/** The largest power of ten that divides `span` into at least `parts`. @param {number} span @param {number} parts */
export function roundStep(span, parts = 20) {
  return 10 ** Math.floor(Math.log10(span / parts));
}

/**
 * `value` on the nearest multiple of `step`, a power of ten, without binary rounding errors.
 * @param {number} value
 * @param {number} step
 * @param {(value: number) => number} round
 */
export function onStep(value, step, round = Math.round) {
  const digits = Math.max(0, -Math.round(Math.log10(step)));
  const multiple = round(Number((value / step).toPrecision(12))) * step;
  return digits > 100 ? multiple : Number(multiple.toFixed(digits));
}

/**
 * The range of a slider: the training range and a fifth more on each side, or -10 to 10 if it is
 * unknown.
 * @param {{ minimum: number | null, maximum: number | null }} feature
 */
export function sliderRange({ minimum, maximum }) {
  if (minimum === null || maximum === null) return { low: -10, high: 10, step: 0.1 };
  const span = maximum - minimum || Math.abs(minimum) || 1;
  const low = minimum - span / 5;
  const high = maximum + span / 5;
  const step = roundStep(high - low);
  return {
    // A feature without negative values in training, such as a length, gets none.
    low: onStep(minimum >= 0 ? Math.max(0, low) : low, step, Math.floor),
    high: onStep(high, step, Math.ceil),
    step,
  };
}

/**
 * About `count` multiples of 1, 2 or 5 times a power of ten, from low to high.
 * @param {number} low
 * @param {number} high
 * @param {number} count
 */
export function ticks(low, high, count) {
  const power = roundStep(high - low, count);
  const step = [1, 2, 5].map((times) => times * power).find((each) => (high - low) / each <= count) ?? 10 * power;
  const first = Math.ceil(Number((low / step).toPrecision(12)));
  const last = Math.floor(Number((high / step).toPrecision(12)));
  return Array.from({ length: last - first + 1 }, (_, place) => Number(((first + place) * step).toPrecision(12)));
}
