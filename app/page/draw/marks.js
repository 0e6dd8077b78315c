/** Marks inside a chart: lines, bars, a shaded range, a marked value. */

import { svg } from "./element.js";

/** @import { Chart } from "./chart.js" */

/**
 * A line through the points (xs[i], ys[i]).
 * @param {Chart} chart
 * @param {number[]} xs
 * @param {number[]} ys
 * @param {string} colour
 */
export function line({ across, up, marks }, xs, ys, colour) {
  const points = xs.map((x, place) => `${across(x).toFixed(2)},${up(ys[place]).toFixed(2)}`).join(" ");
  const drawn = svg("polyline", { class: "curve", points });
  drawn.style.setProperty("--class", colour);
  marks.append(drawn);
}

/**
 * A bar from x = `from` to `to` as high as `value`; `text` is shown while the pointer is on it.
 * @param {Chart} chart
 * @param {number} from
 * @param {number} to
 * @param {number} value
 * @param {"lately" | "trained"} kind
 * @param {string} text
 */
export function bar({ across, up, frame, marks }, from, to, value, kind, text) {
  const [x, end, y] = [across(from), across(to), up(value)];
  // A gap of a pixel to the next bar, if there is room.
  const gap = end - x > 3 ? 1 : 0;
  const place = { x, y, width: Math.max(0, end - x - gap), height: Math.max(0, frame.bottom - y) };
  marks.append(svg("rect", { class: kind, ...place }, svg("title", {}, text)));
}

/**
 * The range of x from `from` to `to`, shaded, behind everything.
 * @param {Chart} chart
 * @param {number} from
 * @param {number} to
 */
export function shade({ across, frame, ground }, from, to) {
  const [x, end] = [from, to].map((value) => Math.min(Math.max(across(value), frame.left), frame.right));
  ground.append(svg("rect", { class: "range", x, y: frame.top, width: end - x, height: frame.bottom - frame.top }));
}

/** A line that marks a value of x. Returns the function that moves it; without a place in the chart it is hidden. @param {Chart} chart */
export function mark({ across, frame, marks }) {
  const drawn = marks.appendChild(svg("line", { class: "mark", y1: frame.top, y2: frame.bottom }));
  return (/** @type {number} */ value) => {
    const x = across(value);
    const inside = x >= frame.left && x <= frame.right;
    drawn.style.display = inside ? "" : "none";
    for (const end of inside ? ["x1", "x2"] : []) drawn.setAttribute(end, String(x));
  };
}
