/** The numbers of an answer without classes, of which the map, the curves and the explanation show one. */

/** @import { Card, Output } from "../data/answers.js" */
/** @typedef {{ output: Output, column: number, name: string }} AnsweredNumber */

const MOST = 200;

/** The first is that of the output that the page shows; none of a model with classes. @param {Card} card @param {Output[]} outputs @returns {AnsweredNumber[]} */
export function answeredNumbers({ classes, output: first, target }, outputs) {
  if (classes.length || !first) return [];
  const ordered = [first, ...outputs.filter(({ name }) => name !== first.name && name !== "interval")];
  const numbers = ordered
    .filter(({ dtype, shape }) => dtype.startsWith("float") && shape.length < 3)
    .flatMap((output) =>
      Array.from({ length: output.shape[1] ?? 1 }, (_, column) => {
        const several = (output.shape[1] ?? 1) > 1;
        return { output, column, name: several ? `${output.name}[${column}]` : output.name };
      }),
    );
  if (numbers.length === 1 && target) numbers[0].name = target;
  return numbers.slice(0, MOST);
}
