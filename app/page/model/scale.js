/** Scales: round steps, slider ranges that end on them, ticks. */

/** The largest power of ten that divides `span` into at least `parts`. @param {number} span @param {number} parts */
function roundStep(span, parts = 20) {
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
 * The range of a slider: the training range and a fifth more on each side. If it is unknown, -10 to
 * 10, or twice the example on both sides of 0. Whole numbers have whole steps.
 * @param {{ minimum: number | null, maximum: number | null, example?: number | null, whole?: boolean }} feature
 */
export function sliderRange({ minimum, maximum, example, whole = false }) {
  if (minimum === null || maximum === null) {
    const end = Math.max(10, 2 * Math.abs(example ?? 0));
    const step = roundStep(2 * end, 200);
    return { low: onStep(-end, step, Math.floor), high: onStep(end, step, Math.ceil), step };
  }
  const span = maximum - minimum || Math.abs(minimum) || 1;
  const room = whole && maximum > minimum ? Math.floor(span / 5) : span / 5;
  const low = minimum - room;
  const high = maximum + room;
  const step = Math.max(roundStep(high - low), whole ? 1 : 0);
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
