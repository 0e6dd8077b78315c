/** The values of a feature: as JSON, and as the number that the model gets. */

/** @import { Feature } from "./answers.js" */
/** @typedef {number | string | boolean | null} Value  As JSON. */

/** @type {Record<string, number | undefined>} */
const BOOLEANS = { true: 1, false: 0, yes: 1, no: 0, 1: 1, 0: 0 };

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

/** The number of a text, with a point or a comma for its decimals: some keyboards have only one of them. NaN if it is none. @param {string} text */
export function readNumber(text) {
  const plain = text
    .trim()
    .replace("−", "-")
    .replace(/^([^.,]*),([^.,]*)$/, "$1.$2");
  return NUMBER.test(plain) && Number.isFinite(Number(plain)) ? Number(plain) : NaN;
}

/** Whether each value is a number; a category and a boolean are not. @param {Feature} feature */
export function isNumber({ kind = "number" }) {
  return kind === "number";
}

/**
 * The number for a value, or for its text in an address; undefined if the feature has no such value.
 *
 * That of a category is the place of its text, that of a boolean 0 or 1, a missing value is NaN.
 * @param {Feature} feature
 * @param {Value} value
 */
export function codeOf({ kind = "number", values, other, missing }, value) {
  const text = String(value ?? "").trim();
  if (kind === "category" && values?.includes(String(value))) return values.indexOf(String(value));
  if (missing && text === "") return NaN;
  if (kind === "category" && other && text) return values?.length;
  if (kind === "boolean") return BOOLEANS[text.toLowerCase()];
  const number = kind === "number" ? readNumber(text) : NaN;
  return Number.isNaN(number) ? undefined : number;
}

/** The JSON value of a number. @param {Feature} feature @param {number} code @returns {Value} */
export function jsonOf({ kind = "number", values }, code) {
  if (Number.isNaN(code)) return null;
  if (kind === "boolean") return code !== 0;
  return kind === "category" ? (values?.[code] ?? otherThan(values ?? [])) : code;
}

/** A text that is none of the values. @param {string[]} values */
function otherThan(values) {
  let text = "other";
  while (values.includes(text)) text += "*";
  return text;
}

/** The first number to show, if nothing is given: the card's example, else 0. @param {Feature} feature */
export function firstCode({ example }) {
  return example ?? 0;
}
