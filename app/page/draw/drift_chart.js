/** One feature's distribution in training and in recent requests, as pairs of bars. */

import { ticks } from "../model/scale.js";
import { drawChart, offerTable } from "./chart.js";
import { bar } from "./marks.js";
import { exact, percent, short } from "./number_text.js";

/** @import { FeatureDrift } from "../data/answers.js" */

const LABEL_WIDTH = 48;

/**
 * Draw a feature's drift into `root`.
 *
 * All bins have the same width, unlike deciles; the outer two are outside the training range.
 * @param {Element} root
 * @param {FeatureDrift} drift
 */
export function drawDrift(root, { name, edges, training, window: lately, below, above }) {
  const before = [0, ...training, 0];
  const now = lately ? [below ?? 0, ...lately, above ?? 0] : null;
  const highest = Math.max(0.2, ...before, ...(now ?? []));
  const every = Math.ceil((LABEL_WIDTH * edges.length) / root.clientWidth);
  const chart = drawChart(root, {
    name: `${name}: shares in training and lately, by deciles of the training rows`,
    height: 150,
    x: {
      low: -0.5,
      high: training.length + 1.5,
      grid: true,
      ticks: edges.map((edge, place) => [place + 0.5, place % every ? "" : short(edge, 3)]),
    },
    y: { low: 0, high: highest, grid: true, ticks: ticks(0, highest, 4).map((y) => [y, `${short(y * 100)} %`]) },
  });
  const bins = binNames(edges);
  bins.forEach((bin, place) => {
    bar(chart, place - 0.4, place, before[place], "trained", `${bin}: ${percent(before[place])} in training`);
    if (now) bar(chart, place, place + 0.4, now[place], "lately", `${bin}: ${percent(now[place])} lately`);
  });
  const rows = () => bins.map((bin, place) => [bin, percent(before[place]), now ? percent(now[place]) : "none"]);
  offerTable(root, ["Range", "In training", "Lately"], rows);
}

/** @param {number[]} edges */
function binNames(edges) {
  const inner = edges.slice(1).map((edge, place) => `${exact(edges[place])} to ${exact(edge)}`);
  return [`below ${exact(edges[0])}`, ...inner, `above ${exact(edges[edges.length - 1])}`];
}
