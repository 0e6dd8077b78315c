/** What a model does, in one sentence, by its signature and its card. */

/** @import { Input, Model, Output } from "../data/answers.js" */

import { holdsIds, kindOf } from "./field.js";

/** Names are listed if all together have at most so many characters. */
const LONGEST_LIST = 60;
/** Of more outputs or inputs, the first are described and the others counted. */
const MOST_DESCRIBED = 4;
const LONGEST_NAME = 20;

/** @param {Model} model */
export function purposeOf({ card, signature: { inputs, outputs } }) {
  const predicted = main(card, outputs);
  const known = predicted ? [card.output?.name, "interval"] : [];
  const others = outputs.filter(({ name }) => !known.includes(name)).map(describeOutput);
  // The outputs of a tabular classifier are all the class.
  const answers = predicted ? [predicted, ...(card.output ? others : [])] : others;
  return `${predicted ? "Predicts" : "Computes"} ${described(answers, "outputs")} from ${given(card, inputs)}.`;
}

/** The class or the value that is predicted; "" of other outputs. @param {Model["card"]} card @param {Output[]} outputs */
function main({ classes, target, output }, outputs) {
  if (classes.length) {
    const named = output && outputs.length > 1 ? short(output.name) : "the class";
    return `${target ?? named} (${listed(classes, "or") || `one of ${classes.length} classes`})`;
  }
  const interval = outputs.some(({ name }) => name === "interval");
  if (!interval && !target) return "";
  const unit = output?.unit ? ` in ${output.unit}` : "";
  return `${target ?? output?.name} (a number${unit}${interval ? ", with its interval" : ""})`;
}

/** @param {Output} output */
function describeOutput({ name, kind, shape, classes, unit }) {
  if (classes?.length) return `${short(name)} (one of ${classes.length} classes)`;
  return `${short(name)} (${kind === "embedding" ? "an embedding of " : ""}${lengths(shape)}${unit ? ` in ${unit}` : ""})`;
}

/** @param {Model["card"]} card @param {Input[]} inputs */
function given({ features }, inputs) {
  if (features.length) {
    const names = listed(
      features.map(({ name }) => name),
      "and",
    );
    return `${features.length} ${features.length === 1 ? "feature" : "features"}${names && `: ${names}`}`;
  }
  const alone = inputs.length === 1;
  const texts = inputs.map((input) => {
    const known = knownInput(input);
    return alone && known ? known : `${short(input.name)} (${known || lengths(input.shape)})`;
  });
  return described(texts, "inputs");
}

/** What an input is, if it is more than numbers. @param {Input} input */
function knownInput({ image, tokens, features, shape, dtype }) {
  if (image) return "a picture";
  if (tokens && holdsIds(dtype)) return "a list of token ids";
  if (shape.length === 2 && shape[1] < 0) return `a list of ${kindOf(dtype)}, any length`;
  return features?.length ? `${features.length} features` : "";
}

/** @param {string[]} texts @param {string} what */
function described(texts, what) {
  const rest = texts.length - MOST_DESCRIBED;
  const all = rest > 1 ? [...texts.slice(0, MOST_DESCRIBED), `${rest} more ${what}`] : texts;
  return joined(all, "and");
}

/** The shape of one instance. @param {number[]} shape */
function lengths(shape) {
  return (
    shape
      .slice(1)
      .map((length) => (length < 0 ? "any" : length))
      .join(" × ") || "one number"
  );
}

/** All names, or "" if they are too long. @param {string[]} names @param {string} last  The word before the last. */
function listed(names, last) {
  const text = joined(names, last);
  return text.length > LONGEST_LIST ? "" : text;
}

/** @param {string[]} texts @param {string} last */
function joined(texts, last) {
  return [texts.slice(0, -1).join(", "), texts.at(-1)].filter(Boolean).join(` ${last} `);
}

/** @param {string} name */
function short(name) {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name;
}
