/** Numbers as texts. */

// Of float32.
const SMALLEST_NORMAL = 2 ** -126;
const LARGEST = 2 ** 128 - 2 ** 104;

/** Four significant digits, with a true minus sign. @param {number | null | undefined} value @param {number} digits */
export function short(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "not a number";
  return String(Number(Number(value).toPrecision(digits)))
    .replaceAll("-", "−")
    .replace("Infinity", "∞");
}

/** Numbers with one number of decimals: that with which the largest has six digits, or fewer if they are all zeros. @param {number[]} values */
export function alike(values) {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const most = 5 - Math.floor(Math.log10(largest || 1));
  if (!(most <= 20)) return values.map((value) => short(value, 6));
  const rounded = values.map((value) => String(Number(value.toFixed(Math.max(0, most)))));
  const decimals = Math.max(0, ...rounded.map((text) => text.split(".")[1]?.length ?? 0));
  return values.map((value) => value.toFixed(Math.min(decimals, Math.max(0, most))).replace("-", "−"));
}

/** "1 row", "2,000 rows". @param {number} number @param {string} noun */
export function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** All digits that distinguish the number, with a true minus sign. @param {number} value */
export function exact(value) {
  return String(value).replaceAll("-", "−").replace("Infinity", "∞");
}

/**
 * A whole number exactly, another with up to four digits, but all before the point; "" if that has
 * more than `most` characters.
 * @param {number} value
 * @param {number} most
 */
export function fitting(value, most) {
  if (Number.isNaN(value)) return "NaN";
  const rounded = [4, 3, 2].filter((count) => Math.abs(value) < 10 ** count).map((count) => short(value, count));
  const texts = Math.abs(value) % 1 ? rounded : [exact(value)];
  return texts.find((text) => text.length <= most) ?? "";
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
  // JavaScript has read the nearest float64 of a larger integer.
  if (/int/.test(dtype) && size > Number.MAX_SAFE_INTEGER) return `about ${exact(value)}`;
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
  return withSign(value, decimalsFor(largest));
}

/**
 * Two numbers and their difference, which is that of the two texts; with the decimals of `fixed`,
 * but at most seven digits, those of float32.
 * @param {number} value
 * @param {number} from
 * @param {number} largest
 */
export function subtraction(value, from, largest) {
  const most = 6 - Math.floor(Math.log10(Math.max(Math.abs(value), Math.abs(from))));
  const decimals = Math.max(0, Math.min(decimalsFor(largest), most));
  const [whole, less] = [value, from].map((each) => Number(each.toFixed(decimals)));
  const texts = [whole, less].map((each) => each.toFixed(decimals).replace("-", "−"));
  return [...texts, withSign(whole - less, decimals)];
}

/** @param {number} largest */
function decimalsFor(largest) {
  return Math.min(20, Math.max(0, 2 - Math.floor(Math.log10(largest))));
}

/** @param {number} value @param {number} decimals */
function withSign(value, decimals) {
  const text = Math.abs(value).toFixed(decimals);
  if (Number(text) === 0) return text;
  return `${value < 0 ? "−" : "+"}${text}`;
}

/** @param {number} probability */
export function percent(probability) {
  // "100.0 %" is only for exactly 1, and "0.0 %" for 0.
  const text = (probability * 100).toFixed(1);
  if (text === "100.0" && probability < 1) return "> 99.9 %";
  return text === "0.0" && probability > 0 ? "< 0.1 %" : `${text} %`;
}

/** As `percent`, but a certain class is rounded, too: next to "> 99.9 %", "100.0 %" would say more. @param {number} probability */
export function probabilityText(probability) {
  return percent(Math.min(Math.max(probability, Number.MIN_VALUE), 1 - Number.EPSILON));
}

/** The text, or its beginning if it has more than `most` characters. @param {string} text @param {number} most */
export function cut(text, most) {
  return text.length > most ? `${text.slice(0, Math.max(1, Math.floor(most) - 1))}…` : text;
}
