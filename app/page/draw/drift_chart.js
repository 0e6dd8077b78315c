/** One feature's distribution in training and in recent requests, as pairs of bars. */

import { ticks } from "../model/scale.js";
import { drawChart, offerTable } from "./chart.js";
import { bar } from "./marks.js";
import { cut, exact, percent, short } from "./number_text.js";

/** @import { FeatureDrift } from "../data/answers.js" */

const LABEL_WIDTH = 48;
/** Of a turned label, which takes a line. */
const LINE = 16;
const LONGEST_LABEL = 12;

/**
 * Draw a feature's drift into `root`.
 *
 * All bins have the same width, unlike deciles; the outer two of a number are outside the training
 * range. Missing values are a last bin, if there are any.
 * @param {Element} root
 * @param {FeatureDrift} drift
 */
export function drawDrift(root, drift) {
  const bins = binsOf(drift);
  const highest = Math.max(0.2, ...bins.map(({ trained, lately }) => Math.max(trained, lately ?? 0)));
  const turned = !drift.edges && bins.some(({ name }) => name.length * 7 > root.clientWidth / bins.length);
  const chart = drawChart(root, {
    name: `${drift.name}: shares in training and lately, ${drift.edges ? "by deciles of the training rows" : "by value"}`,
    height: turned ? 200 : 150,
    x: { low: -0.5, high: bins.length - 0.5, grid: true, turned, ticks: labels(drift, bins, root.clientWidth) },
    y: { low: 0, high: highest, grid: true, ticks: ticks(0, highest, 4).map((y) => [y, `${short(y * 100)} %`]) },
  });
  bins.forEach(({ name, trained, lately }, place) => {
    bar(chart, place - 0.4, place, trained, "trained", `${name}: ${percent(trained)} in training`);
    if (lately !== null) bar(chart, place, place + 0.4, lately, "lately", `${name}: ${percent(lately)} lately`);
  });
  const rows = () =>
    bins.map(({ name, trained, lately }) => [name, percent(trained), lately === null ? "none" : percent(lately)]);
  offerTable(root, [drift.edges ? "Range" : "Value", "In training", "Lately"], rows);
}

/** @typedef {{ name: string, trained: number, lately: number | null }} Bin  `lately` is null without requests. */

/** @param {FeatureDrift} drift @returns {Bin[]} */
function binsOf({ edges, values, training, training_missing, window: lately, below, above, missing }) {
  const now = (/** @type {number | null} */ share) => (lately ? (share ?? 0) : null);
  const names =
    values ?? (edges ?? []).slice(1).map((edge, place) => `${exact(edges?.[place] ?? NaN)} to ${exact(edge)}`);
  const bins = names.map((name, place) => ({ name, trained: training[place], lately: now(lately?.[place] ?? 0) }));
  if (edges) {
    bins.unshift({ name: `below ${exact(edges[0])}`, trained: 0, lately: now(below) });
    bins.push({ name: `above ${exact(edges[edges.length - 1])}`, trained: 0, lately: now(above) });
  }
  if (training_missing || missing) bins.push({ name: "missing", trained: training_missing, lately: now(missing) });
  return bins;
}

/**
 * The edges between the bins of a number, or the names of the bins; some are left out if there is no room.
 * @param {FeatureDrift} drift @param {Bin[]} bins @param {number} width
 * @returns {[number, string][]}
 */
function labels({ edges }, bins, width) {
  const shown = edges ? edges.length : bins.length;
  const every = Math.ceil((LABEL_WIDTH * shown) / width);
  const some = (/** @type {string} */ text, /** @type {number} */ place) => (place % every ? "" : text);
  if (!edges) {
    const each = Math.ceil((LINE * bins.length) / width);
    return bins.map(({ name }, place) => [place, place % each ? "" : cut(name, LONGEST_LABEL)]);
  }
  const rounded = edges.map((edge) => short(edge, 3));
  const texts = new Set(rounded).size < new Set(edges).size ? edges.map((edge) => exact(edge)) : rounded;
  const last = bins.length - 1;
  const missing = last > edges.length;
  // Room for the label of the last bin.
  const free = missing ? last - (2 * LABEL_WIDTH * bins.length) / width : last;
  /** @type {[number, string][]} */
  const found = texts.map((text, place) => [place + 0.5, place + 0.5 < free ? some(text, place) : ""]);
  return missing ? [...found, [last, bins[last].name]] : found;
}
