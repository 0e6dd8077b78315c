/** What is unusual in a tensor's values, and how they compare with those of a new layer. */

import { element } from "../../draw/element.js";
import { count, short } from "../../draw/number_text.js";

/** @import { Findings, Initialisation, StateEntry } from "../../data/answers.js" */

/** @param {StateEntry} entry */
export function remarks({ findings, initialisation }) {
  const texts = [...(findings ? unusual(findings) : []), ...(initialisation ? [comparison(initialisation)] : [])];
  return texts.map((text) => element("p", { class: "note" }, text));
}

/** @param {Findings} findings */
function unusual({ constant, nan, infinite, dead_rows: rows, dead_columns: columns }) {
  const lines = { row: rows, column: columns };
  return [
    ...(constant === null ? [] : [`All values are ${short(constant)}.`]),
    ...(nan ? [`${nan.count.toLocaleString("en")} values are NaN.`] : []),
    ...(infinite ? [`${infinite.count.toLocaleString("en")} values are infinite.`] : []),
    ...Object.entries(lines).flatMap(([name, dead]) =>
      dead
        ? [
            `${count(dead.count, name)} ${dead.count === 1 ? `is all zeros: ${name}` : `are all zeros: ${name}s`} ${listed(dead)}.`,
          ]
        : [],
    ),
  ];
}

/** @param {{ count: number, first: number[] }} dead */
function listed({ count: all, first }) {
  return `${first.join(", ")}${all > first.length ? " and others" : ""}`;
}

/** @param {Initialisation} compared */
function comparison({ layer, law, expected, ratio, state }) {
  const constant = law === "constant";
  const usual = constant ? `the constant ${short(expected)}` : `${law}, standard deviation ${short(expected, 3)}`;
  const fresh = `a new ${layer} of torch (${usual})`;
  if (state === "as initialised")
    return `As initialised, or training moved it little: the values look like those of ${fresh}.`;
  if (state === "collapsed") return `Collapsed: the values are nearly equal, unlike those of ${fresh}.`;
  const times =
    ratio === null ? "" : `; their ${constant ? "root mean square" : "spread"} is ${short(ratio, 3)} times that`;
  return `Not as initialised: the values differ from those of ${fresh}${times}.`;
}
