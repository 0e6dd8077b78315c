/** Numbers for people: round steps, ranges that end on them, ticks, short texts. */

/** The largest power of ten that divides `span` into at least `parts`. */
export function roundStep(span, parts = 20) {
  return 10 ** Math.floor(Math.log10(span / parts));
}

/** `value` on the nearest multiple of `step`, a power of ten, without binary dust. */
export function onStep(value, step, round = Math.round) {
  const digits = Math.max(0, -Math.round(Math.log10(step)));
  const multiple = round(Number((value / step).toPrecision(12))) * step;
  return digits > 100 ? multiple : Number(multiple.toFixed(digits));
}

/** What a slider covers, {low, high, step}: the training range and a fifth more on each side, or
 * from -10 to 10 where that is not known. */
export function sliderRange({ minimum, maximum }) {
  if (minimum === null) return { low: -10, high: 10, step: 0.1 };
  const span = maximum - minimum || Math.abs(minimum) || 1;
  const low = minimum - span / 5;
  const high = maximum + span / 5;
  const step = roundStep(high - low);
  return {
    // What was never negative in training, such as a length, is not offered so.
    low: onStep(minimum >= 0 ? Math.max(0, low) : low, step, Math.floor),
    high: onStep(high, step, Math.ceil),
    step,
  };
}

/** Some `count` multiples of 1, 2 or 5 times a power of ten, from low to high. */
export function ticks(low, high, count) {
  const power = roundStep(high - low, count);
  const step = [1, 2, 5, 10].map((times) => times * power).find((each) => (high - low) / each <= count);
  const first = Math.ceil(Number((low / step).toPrecision(12)));
  const last = Math.floor(Number((high / step).toPrecision(12)));
  return Array.from({ length: last - first + 1 }, (_, place) => Number(((first + place) * step).toPrecision(12)));
}

/** Four significant digits, with a true minus sign. */
export function short(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "not a number";
  return String(Number(Number(value).toPrecision(digits))).replace("-", "−").replace("Infinity", "∞");
}

/** All digits that tell the number from others, with a true minus sign. */
export function exact(value) {
  return String(value).replace("-", "−").replace("Infinity", "∞");
}

const SMALLEST_NORMAL = 2 ** -126;
const LARGEST = 2 ** 128 - 2 ** 104;

/** The fewest digits that tell the number from others of the dtype: `exact`, of float32 and narrower
 * types as float32. */
export function digits(value, dtype) {
  if (value === null || Number.isNaN(value)) return "not a number";
  const size = Math.abs(value);
  if (!/float(?!64)/.test(dtype) || size < SMALLEST_NORMAL || size > LARGEST) return exact(value);
  const single = Math.fround(value);
  let count = 1;
  while (Math.fround(Number(single.toPrecision(count))) !== single) count += 1;
  return exact(Number(single.toPrecision(count)));
}

/** As `short`, with a sign in front of positive numbers too. */
export function signed(value, digits = 3) {
  return value > 0 ? `+${short(value, digits)}` : short(value, digits);
}

/** Signed, with as many decimals as show three digits of `largest`: numbers for a column. */
export function fixed(value, largest) {
  const decimals = Math.min(20, Math.max(0, 2 - Math.floor(Math.log10(largest))));
  const text = Math.abs(value).toFixed(decimals);
  if (Number(text) === 0) return text;
  return `${value < 0 ? "−" : "+"}${text}`;
}

export function percent(probability) {
  // "100.0 %" is only for what is not less.
  const text = (probability * 100).toFixed(1);
  return `${text === "100.0" && probability < 1 ? "> 99.9" : text} %`;
}
