/** Numbers as texts. */

// Of float32.
const SMALLEST_NORMAL = 2 ** -126;
const LARGEST = 2 ** 128 - 2 ** 104;

/** Four significant digits, with a true minus sign. @param {number | null | undefined} value @param {number} digits */
export function short(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "not a number";
  return String(Number(Number(value).toPrecision(digits)))
    .replace("-", "−")
    .replace("Infinity", "∞");
}

/** All digits that distinguish the number, with a true minus sign. @param {number} value */
export function exact(value) {
  return String(value).replace("-", "−").replace("Infinity", "∞");
}

/**
 * The fewest digits that distinguish the number from others of its dtype; float32 and narrower
 * types count as float32.
 * @param {number | null} value
 * @param {string} dtype
 */
export function digits(value, dtype) {
  if (value === null || Number.isNaN(value)) return "not a number";
  const size = Math.abs(value);
  if (!/float(?!64)/.test(dtype) || size < SMALLEST_NORMAL || size > LARGEST) return exact(value);
  const single = Math.fround(value);
  let count = 1;
  while (Math.fround(Number(single.toPrecision(count))) !== single) count += 1;
  return exact(Number(single.toPrecision(count)));
}

/** As `short`, with a sign in front of positive numbers too. @param {number} value @param {number} digits */
export function signed(value, digits = 3) {
  return value > 0 ? `+${short(value, digits)}` : short(value, digits);
}

/**
 * Signed, with as many decimals as show three digits of `largest`: numbers for a column.
 * @param {number} value
 * @param {number} largest
 */
export function fixed(value, largest) {
  const decimals = Math.min(20, Math.max(0, 2 - Math.floor(Math.log10(largest))));
  const text = Math.abs(value).toFixed(decimals);
  if (Number(text) === 0) return text;
  return `${value < 0 ? "−" : "+"}${text}`;
}

/** @param {number} probability */
export function percent(probability) {
  // "100.0 %" is only for exactly 1.
  const text = (probability * 100).toFixed(1);
  return `${text === "100.0" && probability < 1 ? "> 99.9" : text} %`;
}
