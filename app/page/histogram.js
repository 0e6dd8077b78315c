/** How a tensor's values are spread, as bars. */

import { css } from "./colours.js";
import { short } from "./scale.js";
import uPlot from "./vendor/uplot/uPlot.esm.js";

/** Draw {counts, edges} into `root`; returns the chart, to be destroyed. */
export function drawHistogram(root, { counts, edges }) {
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const line = { stroke: css("var(--muted)"), font, ticks: { show: false } };
  const colour = css("var(--accent)");
  // Each bar starts at its left edge; the last edge has no bar of its own.
  const columns = [edges, [...counts, null]];
  return new uPlot(
    {
      width: root.clientWidth,
      height: 150,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, range: [edges[0], edges.at(-1)] },
        y: { range: (_, low, high) => [0, Math.max(1, high)] },
      },
      axes: [
        { ...line, grid: { show: false }, size: 26, values: (_, at) => at.map((x) => short(x)) },
        { ...line, grid: { stroke: css("var(--line)"), width: 1 }, size: 40, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 1e4, 1e5, 1e6] },
      ],
      series: [{}, { fill: colour, width: 0, paths: uPlot.paths.bars({ align: 1, size: [1, Infinity], gap: 1 }), points: { show: false } }],
    },
    columns,
    root,
  );
}
