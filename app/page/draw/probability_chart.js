/** The probability of each class along one feature, as lines. */

import { ticks } from "../model/scale.js";
import { drawChart, offerTable } from "./chart.js";
import { classVariable } from "./element.js";
import { line, mark, shade } from "./marks.js";
import { percent, short } from "./number_text.js";

/** @import { Axis } from "../model/plane.js" */

/**
 * Draw the probability of each class along one feature into `root`.
 * @param {Element} root
 * @param {object} data
 * @param {Axis} data.along  The feature.
 * @param {number[]} data.xs  Its values.
 * @param {number[][]} data.curves  For each class the probability at each x.
 * @param {string[]} data.classes
 * @param {number} data.value  The feature's value in the input, which is marked.
 * @param {(text: string) => void} data.read  Gets the text for the place under the pointer, "" where there is none.
 */
export function drawCurves(root, { along, xs, curves, classes, value, read }) {
  const chart = drawChart(root, {
    name: `Probability of each class as ${along.name} changes; the table has the numbers`,
    height: 300,
    x: {
      low: along.low,
      high: along.high,
      label: along.title,
      ticks: ticks(along.low, along.high, 6).map((x) => [x, short(x)]),
      grid: true,
    },
    y: { low: 0, high: 1, grid: true, ticks: ticks(0, 1, 5).map((y) => [y, `${Math.round(y * 100)} %`]) },
  });
  if (along.minimum !== null && along.maximum !== null) shade(chart, along.minimum, along.maximum);
  curves.forEach((curve, index) => line(chart, xs, curve, classVariable(index)));
  mark(chart, value);
  const at = (/** @type {number} */ place) =>
    classes.map((name, index) => `${name} ${percent(curves[index][place])}`).join(", ");
  chart.node.addEventListener("pointermove", ({ offsetX }) => {
    const share = (offsetX - chart.frame.left) / (chart.frame.right - chart.frame.left);
    const place = Math.round(Math.min(1, Math.max(0, share)) * (xs.length - 1));
    read(`${along.name} ${short(xs[place], 3)}: ${at(place)}`);
  });
  chart.node.addEventListener("pointerleave", () => read(""));
  const rows = () => xs.map((x, place) => [short(x), ...curves.map((curve) => percent(curve[place]))]);
  offerTable(root, [along.name, ...classes], rows);
}
