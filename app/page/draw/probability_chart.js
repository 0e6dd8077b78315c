/** The probability of each class along one feature, as lines. */

import { ticks } from "../model/scale.js";
import { drawChart, offerTable } from "./chart.js";
import { classVariable } from "./element.js";
import { line, mark, shade } from "./marks.js";
import { exact, percent, short } from "./number_text.js";

/**
 * @import { Axis } from "../model/plane.js"
 * @import { Tick } from "./chart.js"
 */

/** At a place, so many classes are named: those of the highest probabilities. */
const MOST_NAMED = 5;
/** Of more classes, those with the highest probabilities are drawn. */
const MOST_CURVES = 12;
/** Probabilities have one of these scales, the first that has room for all. */
const TOPS = [0.01, 0.05, 0.2, 0.5, 1];

/**
 * Draw the probability of each class, or a value, along one feature into `root`. Returns a function
 * that marks a value of the feature, and how many classes are drawn.
 * @param {Element} root
 * @param {object} data
 * @param {Axis} data.along  The feature.
 * @param {number[]} data.xs  Its values.
 * @param {number[][]} data.curves  For each class the probability at each x; or the only value.
 * @param {string[]} data.classes  None: a value is drawn.
 * @param {string} data.output  The name of the value.
 * @param {string} data.unit  That of the value.
 * @param {(text: string) => void} data.read  Gets the text for the place under the pointer, "" where there is none.
 */
export function drawCurves(root, { along, xs, curves, classes, output, unit, read }) {
  const names = classes.length ? classes : [output];
  const text = classes.length ? percent : (/** @type {number} */ y) => `${short(y, 6)} ${unit}`.trim();
  const chart = drawChart(root, {
    name: `${classes.length ? "Probability of each class" : output} as ${along.name} changes; the table has the numbers`,
    // As high as the map beside it.
    height: Math.min(520, Math.max(300, 0.86 * root.clientWidth)),
    x: {
      low: along.low,
      high: along.high,
      label: along.title,
      ticks: ticks(along.low, along.high, 6).map((x) => [x, exact(x)]),
      grid: true,
    },
    y: scale(curves, classes.length > 0),
  });
  if (along.minimum !== null && along.maximum !== null) shade(chart, along.minimum, along.maximum);
  const drawn = highest(curves);
  for (const index of drawn) line(chart, xs, curves[index], classVariable(index));
  const at = (/** @type {number} */ place) => {
    const order = names.map((_, index) => index).sort((a, b) => curves[b][place] - curves[a][place]);
    const shown = names.length > MOST_NAMED ? order.slice(0, MOST_NAMED) : order.sort((a, b) => a - b);
    return shown.map((index) => `${names[index]}: ${text(curves[index][place])}`).join(", ");
  };
  chart.node.addEventListener("pointermove", ({ offsetX }) => {
    const share = (offsetX - chart.frame.left) / (chart.frame.right - chart.frame.left);
    const place = Math.round(Math.min(1, Math.max(0, share)) * (xs.length - 1));
    read(`${along.name} ${short(xs[place], 5)}; ${at(place)}`);
  });
  chart.node.addEventListener("pointerleave", () => read(""));
  const rows = () => xs.map((x, place) => [short(x, 5), ...curves.map((curve) => text(curve[place]))]);
  offerTable(root, [along.name, ...names], rows);
  return { mark: mark(chart), drawn: drawn.length };
}

/** The places of the curves that reach highest, the highest last. @param {number[][]} curves */
function highest(curves) {
  const peaks = curves.map((curve) => curve.reduce((most, y) => Math.max(most, y), -Infinity));
  const places = curves.map((_, place) => place).sort((a, b) => peaks[a] - peaks[b]);
  return places.slice(-MOST_CURVES);
}

/** The vertical axis: from 0 % to a round share that has room for all curves, or the range of a value. @param {number[][]} curves @param {boolean} shares */
function scale(curves, shares) {
  const all = curves.flat().filter(Number.isFinite);
  const [lowest, highest] = [
    all.reduce((a, b) => Math.min(a, b), Infinity),
    all.reduce((a, b) => Math.max(a, b), -Infinity),
  ];
  if (shares) {
    const high = TOPS.find((top) => highest <= top) ?? 1;
    return { low: 0, high, grid: true, ticks: ticks(0, high, 5).map((y) => tick(y, `${short(100 * y)} %`)) };
  }
  const margin = (highest - lowest) / 20 || Math.abs(highest) / 10 || 1;
  const [low, high] = [lowest - margin, highest + margin];
  return { low, high, grid: true, ticks: ticks(low, high, 5).map((y) => tick(y, exact(y))) };
}

/** @param {number} value @param {string} text @returns {Tick} */
function tick(value, text) {
  return [value, text];
}
