/** The text of one input of any signature: what it says, and whether it fits. */

/** @import { Input } from "../data/answers.js" */

/** The length of an axis that the signature leaves open, in an example. */
const OPEN = 8;
const MOST_ZEROS = 5000;
/** @type {Record<string, [number, number] | undefined>} */
const RANGES = {
  bool: [0, 1],
  uint8: [0, 255],
  int8: [-128, 127],
  int16: [-32768, 32767],
  int32: [-(2 ** 31), 2 ** 31 - 1],
};

/** Dtype, shape of one instance and range of an input, in words. @param {Input} input */
export function describeInput({ dtype, shape, tokens }) {
  const lengths = shape.slice(1).map((length) => (length < 0 ? "any length" : length));
  const open = lengths.length === 1 && lengths[0] === "any length";
  const ids = tokens && holdsIds(dtype);
  if (open && !ids) return `a list of ${kindOf(dtype)} (${dtype}), any length`;
  const of = lengths.length ? `${dtype} of shape ${lengths.join(" × ")}` : `one ${dtype}`;
  const what = open ? `a list of any length (${dtype})` : of;
  if (ids) {
    const range = tokens.vocabulary === null ? "" : ` from 0 to ${tokens.vocabulary - 1}`;
    return `token ids${range}, ${what}`;
  }
  const range = RANGES[dtype];
  return range && dtype !== "bool" ? `${what}, ${range[0]} to ${range[1]}` : what;
}

/** Whether one value for each token is its id, not that of a mask. @param {string} dtype */
export function holdsIds(dtype) {
  return /^u?int/.test(dtype);
}

/** The other inputs that must have the length of this one. @param {Input} input @param {string[][]} equalAxes */
export function equalTo({ name }, equalAxes) {
  const groups = equalAxes.map((axes) => axes.map((axis) => axis.slice(0, axis.lastIndexOf(":"))));
  return (groups.find((names) => names.includes(name)) ?? []).filter((each) => each !== name);
}

/** What values of a dtype are, in words. @param {string} dtype */
export function kindOf(dtype) {
  if (dtype === "bool") return "booleans";
  return /^u?int/.test(dtype) ? "whole numbers" : "numbers";
}

/** A valid text of the input: that of `example`, else zeros; empty if they would be many. @param {Input} input @param {unknown} example */
export function exampleText({ shape, dtype, name }, example) {
  const given = /** @type {any} */ (example)?.[name];
  if (given !== undefined) return write(given);
  const lengths = shape.slice(1).map((length) => (length < 0 ? OPEN : length));
  if (lengths.reduce((product, length) => product * length, 1) > MOST_ZEROS) return "";
  return write(
    lengths.reduceRight(
      (/** @type {unknown} */ inner, length) => new Array(length).fill(inner),
      dtype === "bool" ? false : 0,
    ),
  );
}

/**
 * The JSON of an input from its text: JSON, or numbers with commas or spaces between them. Throws an
 * Error that says what is accepted.
 * @param {Input} input
 * @param {string} text
 */
export function readField(input, text) {
  const { name, shape, tokens, dtype } = input;
  const row = shape.slice(1);
  const trimmed = text.trim();
  const json =
    row.length === 1 && !/^\[/.test(trimmed)
      ? `[${trimmed
          .split(/[\s,;]+/)
          .filter(Boolean)
          .join(", ")}]`
      : trimmed;
  let value;
  try {
    value = JSON.parse(json);
  } catch {
    throw new Error(
      `${name}: ${row.length ? `no list of ${kindOf(dtype)} as JSON` : `no ${oneOf(dtype)}`}; it takes ${describeInput(input)}`,
    );
  }
  requireShape(name, value, row, oneOf(dtype));
  const [low, high] = tokens?.vocabulary ? [0, tokens.vocabulary - 1] : (RANGES[dtype] ?? [-Infinity, Infinity]);
  const wrong = [value].flat(Infinity).find((each) => typeof each !== "boolean" && !(each >= low && each <= high));
  if (wrong !== undefined) throw new Error(`${name}: ${JSON.stringify(wrong)} is not from ${low} to ${high}`);
  return json;
}

/** @param {string} dtype */
function oneOf(dtype) {
  return kindOf(dtype).slice(0, -1);
}

/** @param {string} name @param {unknown} value @param {number[]} shape @param {string} what  One value. @param {string} place */
function requireShape(name, value, shape, what, place = "") {
  const at = `${name}${place}`;
  if (!shape.length) {
    if (!["number", "boolean"].includes(typeof value)) throw new Error(`${at}: ${JSON.stringify(value)} is no ${what}`);
    return;
  }
  const [length, ...rest] = shape;
  if (!Array.isArray(value)) throw new Error(`${at}: not a list`);
  if (length >= 0 && value.length !== length)
    throw new Error(`${at}: ${value.length} values where ${length} are needed`);
  value.forEach((each, index) => requireShape(name, each, rest, what, `${place}[${index}]`));
}

/** JSON with an innermost list on each line. @param {unknown} value */
export function write(value) {
  return JSON.stringify(value, null, 1).replace(/\[[^[\]{}]*\]/g, (list) =>
    list.replace(/\s+/g, " ").replace(/\[ | \]/g, (end) => end.trim()),
  );
}
