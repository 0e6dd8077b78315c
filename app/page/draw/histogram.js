/** The distribution of a tensor's values, as bars. */

import { ticks } from "../model/scale.js";
import { drawChart, offerTable } from "./chart.js";
import { bar } from "./marks.js";
import { exact } from "./number_text.js";

/** @import { Histogram } from "../data/answers.js" */
/** @import { Tick } from "./chart.js" */

/** Draw a histogram into `root`. @param {Element} root @param {string} name @param {Histogram} histogram */
export function drawHistogram(root, name, { counts, edges }) {
  const [low, high] = [edges[0], edges[counts.length]];
  const highest = Math.max(1, ...counts);
  const chart = drawChart(root, {
    name,
    height: 150,
    x: { low, high, ticks: ticks(low, high, 5).map((x) => /** @type {Tick} */ ([x, exact(x)])) },
    y: {
      low: 0,
      high: highest,
      grid: true,
      ticks: ticks(0, highest, 4)
        .filter(Number.isInteger)
        .map((count) => [count, count.toLocaleString("en")]),
    },
  });
  counts.forEach((count, place) => {
    const text = `${exact(edges[place])} to ${exact(edges[place + 1])}: ${count}`;
    bar(chart, edges[place], edges[place + 1], count, "lately", text);
  });
  const rows = () => counts.map((count, place) => [exact(edges[place]), exact(edges[place + 1]), count]);
  offerTable(root, ["From", "To", "Values"], rows);
}
