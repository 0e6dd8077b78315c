/** How a tensor's values are spread, as bars. */

import { exact, short, ticks } from "../scale.js";
import { drawChart, offerTable } from "./chart.js";
import { bar } from "./marks.js";

/** Draw {counts, edges} into `root`; `name` says of what. */
export function drawHistogram(root, name, { counts, edges }) {
  const [low, high] = [edges[0], edges.at(-1)];
  const highest = Math.max(1, ...counts);
  const chart = drawChart(root, {
    name,
    height: 150,
    x: { low, high, ticks: ticks(low, high, 5).map((x) => [x, short(x)]) },
    y: {
      low: 0,
      high: highest,
      grid: true,
      ticks: ticks(0, highest, 4).filter(Number.isInteger).map((count) => [count, count.toLocaleString("en")]),
    },
  });
  counts.forEach((count, place) => {
    const text = `${exact(edges[place])} to ${exact(edges[place + 1])}: ${count}`;
    bar(chart, edges[place], edges[place + 1], count, "lately", text);
  });
  const rows = () => counts.map((count, place) => [exact(edges[place]), exact(edges[place + 1]), count]);
  offerTable(root, ["From", "To", "Values"], rows);
}
