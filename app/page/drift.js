/** One feature's shares in training and lately, as pairs of bars. */

import { css } from "./colours.js";
import { short } from "./scale.js";
import uPlot from "./vendor/uplot/uPlot.esm.js";

const LABEL_WIDTH = 44;

/** Draw a feature of GET /monitoring into `root`; returns the chart, to be destroyed.
 * Bins are of one width, for tenths of the training rows are not; the outer two are beyond. */
export function drawDrift(root, { edges, training, window: lately, below, above }) {
  const width = root.clientWidth;
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const line = { stroke: css("var(--muted)"), font, ticks: { show: false } };
  const places = Array.from({ length: training.length + 2 }, (_, place) => place);
  const columns = [places, [0, ...training, 0], lately ? [below, ...lately, above] : places.map(() => null)];
  const every = Math.ceil((LABEL_WIDTH * edges.length) / width);
  const bars = (align, colour) => ({
    fill: css(colour),
    width: 0,
    points: { show: false },
    paths: uPlot.paths.bars({ align, size: [0.4, Infinity] }),
  });
  return new uPlot(
    {
      width,
      height: 150,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, range: [-0.5, training.length + 1.5] },
        y: { range: (_, low, high) => [0, Math.max(0.2, high)] },
      },
      axes: [
        {
          ...line,
          grid: { stroke: css("var(--line)"), width: 1 },
          size: 26,
          splits: () => edges.map((_, place) => place + 0.5),
          values: () => edges.map((edge, place) => (place % every ? "" : short(edge, 3))),
        },
        { ...line, grid: { stroke: css("var(--line)"), width: 1 }, size: 44, values: (_, at) => at.map((y) => `${Math.round(y * 100)} %`) },
      ],
      series: [{}, bars(-1, "var(--trained)"), bars(1, "var(--accent)")],
    },
    columns,
    root,
  );
}
