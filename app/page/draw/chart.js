/** A chart as SVG: a frame with two axes, marks inside it, and its data as a table on demand. */

import { element, svg } from "./element.js";
import { cut } from "./number_text.js";
import { table } from "./table.js";

/** @typedef {[value: number, text: string]} Tick */
/** @typedef {{ low: number, high: number, ticks: Tick[], grid?: boolean, label?: string, turned?: boolean }} Axis */
/** @typedef {{ left: number, top: number, right: number, bottom: number }} Frame */
/** @typedef {ReturnType<typeof drawChart>} Chart */

const TOP = 8;
const RIGHT = 10;
// Width of an axis label's character in CSS pixels, at most: the font is 12 px.
const CHARACTER = 7;
const LINE = 20;

/**
 * Replace the chart in `root` by a new one of its width, and return it.
 *
 * `name` describes the chart to a screen reader. The colours are those of the style sheet, so
 * another scheme needs no new chart.
 * @param {Element} root
 * @param {{ name: string, height: number, x: Axis, y: Axis }} options
 */
export function drawChart(root, { name, height, x, y }) {
  // Texts that are turned by 45 degrees.
  const longest = Math.max(0, ...x.ticks.map(([, text]) => text.length));
  const bottom = x.turned ? Math.SQRT1_2 * CHARACTER * longest + LINE + 6 : LINE * (x.label ? 2 : 1) + 4;
  const left = 10 + CHARACTER * Math.max(...y.ticks.map(([, text]) => text.length));
  const width = Math.max(root.clientWidth, left + RIGHT + 1);
  const frame = { left, top: TOP, right: width - RIGHT, bottom: height - bottom };
  const across = linear(x.low, x.high, frame.left, frame.right);
  const up = linear(y.low, y.high, frame.bottom, frame.top);
  const ground = svg("g");
  const marks = svg("g");
  const node = svg(
    "svg",
    { class: "chart", role: "img", "aria-label": name, width, height, viewBox: `0 0 ${width} ${height}` },
    ground,
    ...x.ticks.flatMap(([value, text]) => tickAcross(across(value), frame, text, x)),
    ...y.ticks.flatMap(([value, text]) => tickUp(up(value), frame, text, y.grid)),
    x.label
      ? svg(
          "text",
          { x: (left + frame.right) / 2, y: height - 6, "text-anchor": "middle" },
          cut(x.label, (frame.right - left) / CHARACTER),
        )
      : "",
    marks,
  );
  root.querySelector("svg.chart")?.remove();
  root.prepend(node);
  return { node, frame, across, up, ground, marks };
}

/**
 * Offer the data of the chart in `root` as a table, made when the reader opens it.
 * @param {Element} root
 * @param {string[]} header
 * @param {() => (string | number)[][]} rows
 */
export function offerTable(root, header, rows) {
  const known = /** @type {HTMLDetailsElement | null} */ (root.querySelector("details.data"));
  const details = known ?? element("details", { class: "data" }, element("summary", {}, "Data as a table"));
  const fill = () => {
    details.querySelector(".rows")?.remove();
    const name = root.querySelector("svg.chart")?.getAttribute("aria-label");
    // A scrollable region must be reachable by keyboard.
    const scrolls = { class: "rows", tabindex: 0, role: "region", "aria-label": `Data: ${name}` };
    if (details.open) details.append(element("div", scrolls, table(header, rows(), 1)));
  };
  details.ontoggle = fill;
  if (known) fill();
  else root.append(details);
}

/**
 * The function that maps low to `from` and high to `to`, in a straight line.
 * @param {number} low
 * @param {number} high
 * @param {number} from
 * @param {number} to
 */
function linear(low, high, from, to) {
  return (/** @type {number} */ value) => from + ((value - low) / (high - low)) * (to - from);
}

/** @param {number} x @param {Frame} frame @param {string} text @param {Axis} axis */
function tickAcross(x, { top, bottom, left, right }, text, { grid, turned }) {
  if (x < left - 0.5 || x > right + 0.5) return [];
  const line = grid ? [svg("line", { x1: x, x2: x, y1: top, y2: bottom })] : [];
  const y = bottom + LINE - 4;
  if (turned) return [...line, svg("text", { x, y, "text-anchor": "end", transform: `rotate(-45 ${x} ${y})` }, text)];
  // A text at the edge stays inside the chart.
  const half = (CHARACTER * text.length) / 2;
  const at = Math.min(Math.max(x, half), right + RIGHT - half);
  return [...line, svg("text", { x: at, y, "text-anchor": "middle" }, text)];
}

/** @param {number} y @param {Frame} frame @param {string} text @param {boolean | undefined} grid */
function tickUp(y, { left, right }, text, grid) {
  const line = grid ? [svg("line", { x1: left, x2: right, y1: y, y2: y })] : [];
  return [...line, svg("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, text)];
}
