/** Inputs to try, each with a name. */

import { codeOf } from "../data/feature.js";

/**
 * @import { Card } from "../data/answers.js"
 * @import { TrainingRows } from "./training_rows.js"
 */
/** @typedef {{ name: string, values: () => number[] | Promise<number[]> }} Example */

const MOST = 12;

/**
 * The example of the card; and a training row of each class or of several numbers, or else a row at the ends of the training ranges.
 * @param {Card} card
 * @param {TrainingRows | null} rows
 * @returns {Example[]}
 */
export function examplesOf(card, rows) {
  const { features, classes, examples } = card;
  const typical = features.map(({ example }) => example ?? 0);
  const first = { name: "the card's example", values: () => typical };
  if (examples.length) return [first, ...examples.map((example) => ofTable(card, typical, example))];
  if (!rows) return [first, ...["minimum", "maximum"].flatMap((end) => atEnd(features, typical, end))];
  const ofClasses = classes.slice(0, MOST).flatMap((name, label) => {
    const row = rows.labels.indexOf(label);
    return row < 0 ? [] : [{ name: `training row, ${name}`, values: () => rows.row(row) }];
  });
  return [first, ...ofClasses];
}

/** @param {Card} card @param {number[]} typical @param {Card["examples"][0]} example @returns {Example} */
function ofTable({ features, target, output }, typical, { target: truth, values: given }) {
  const values = features.map((feature, place) => codeOf(feature, given[feature.name]) ?? typical[place]);
  const what = [target, truth, output?.unit ?? null].filter((each) => each !== null).join(" ");
  return { name: `training row, ${what}`, values: () => values };
}

/** @param {Card["features"]} features @param {number[]} typical @param {string} end @returns {Example[]} */
function atEnd(features, typical, end) {
  const values = features.map((feature, place) => {
    const limit = end === "minimum" ? feature.minimum : feature.maximum;
    return codeOf(feature, limit) ?? typical[place];
  });
  if (values.every((value, place) => Object.is(value, typical[place]))) return [];
  return [{ name: `every number at its training ${end}`, values: () => values }];
}
