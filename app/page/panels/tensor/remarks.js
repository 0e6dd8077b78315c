/** What is unusual in a tensor's values, and how they compare with those of a new layer. */

import { element } from "../../draw/element.js";
import { count, short } from "../../draw/number_text.js";

/** @import { Findings, Initialisation, StateEntry, Statistics } from "../../data/answers.js" */

/** @param {StateEntry} entry */
export function remarks({ findings, initialisation, statistics }) {
  const compared = initialisation ? [comparison(initialisation, statistics)] : [];
  const texts = [...(findings ? unusual(findings) : []), ...compared];
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

/** @param {Initialisation} compared @param {Statistics} statistics */
function comparison({ layer, law, expected, ratio, state, differs }, { mean }) {
  const usual =
    law === "constant" ? `the constant ${short(expected)}` : `${law}, standard deviation ${short(expected, 3)}`;
  const fresh = `a new ${layer} of torch (${usual})`;
  if (state === "as initialised")
    return `As initialised, or training moved it little: the values look like those of ${fresh}.`;
  if (state === "collapsed") return `Collapsed: the values are nearly equal, unlike those of ${fresh}.`;
  const size = multiple(ratio);
  if (law === "constant")
    return `Not as initialised: the values differ from those of ${fresh}${size && `; their root mean square is ${size} that`}.`;
  const texts = {
    spread: `the spread is ${size || "nearly"} that`,
    mean: `the mean is ${short(mean, 3)}, not 0`,
    range: `some values are beyond the bounds, ±${short(expected * Math.sqrt(3), 3)}`,
  };
  return `Not as initialised. Compared with ${fresh}, ${differs.map((each) => texts[each]).join(", and ")}.`;
}

/** "" of a ratio that is not known, or 1 as far as it is shown. @param {number | null} ratio */
function multiple(ratio) {
  const text = short(ratio, 3);
  return ratio === null || text === "1" ? "" : `${text} times`;
}
