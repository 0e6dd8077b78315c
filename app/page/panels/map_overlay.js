/** The marks on the decision map: axes, training range, training rows and the input. */

import { classColours, css, onScheme } from "../draw/colours.js";
import { instanceOf } from "../draw/element.js";
import { cut, exact } from "../draw/number_text.js";
import { Surface } from "../draw/surface.js";
import { ticks } from "../model/scale.js";

/**
 * @import { Card } from "../data/answers.js"
 * @import { Instance } from "../model/instance.js"
 * @import { Axis, Plane } from "../model/plane.js"
 * @import { TrainingRows } from "../model/training_rows.js"
 */
/** @typedef {OffscreenCanvasRenderingContext2D | CanvasRenderingContext2D} Context */

/** Room for the vertical axis's title and the gaps around its numbers, in CSS pixels. */
const TITLE = 32;

export class MapOverlay {
  #plane;
  #card;
  #instance;
  #rows;
  #surface;
  #axes;
  #answers;
  /** The frame of the canvas of answers, in CSS pixels, since the last drawing. */
  #frame = { x: 0, y: 0, width: 0, height: 0 };
  /** What does not change with the input; null if it must be painted anew. @type {OffscreenCanvas | null} */
  #ground = null;
  /** @type {number[] | null} */
  #counterfactual = null;

  /** @param {HTMLElement} plane @param {Card} card @param {Instance} instance @param {Plane} axes @param {TrainingRows | null} rows */
  constructor(plane, card, instance, axes, rows) {
    this.#rows = rows;
    rows?.addEventListener("change", () => this.#drawAnew());
    this.#plane = plane;
    this.#card = card;
    this.#instance = instance;
    this.#surface = new Surface(
      instanceOf(HTMLCanvasElement, plane.querySelector(".overlay")),
      (context, width, height) => this.#paint(context, width, height),
    );
    this.#answers = instanceOf(HTMLCanvasElement, plane.querySelector(".answers"));
    this.#axes = axes;
    this.use(axes);
    onScheme(() => this.#drawAnew());
  }

  /** @param {Plane} axes */
  use(axes) {
    this.#axes = axes;
    this.#rows?.want([axes.across.place, axes.up.place]);
    this.#measure();
    this.#plane.style.setProperty("--left", `${TITLE + Math.max(...this.#upTicks().map(textWidth))}px`);
    this.#drawAnew();
  }

  /** Remember it for the next drawing. @param {number[] | null} counterfactual */
  mark(counterfactual) {
    this.#counterfactual = counterfactual;
  }

  draw() {
    this.#surface.draw();
  }

  #drawAnew() {
    this.#ground = null;
    this.draw();
  }

  /** The position of the canvas of answers, as in the style sheet. */
  #measure() {
    const { offsetLeft: x, offsetTop: y, clientWidth: width, clientHeight: height } = this.#answers;
    this.#frame = { x, y, width, height };
  }

  /** [across, up], in the features' units, under the pointer. @param {MouseEvent} event */
  valuesAt({ clientX, clientY }) {
    const { left, top } = this.#plane.getBoundingClientRect();
    const { x, y, width, height } = this.#frame;
    const { across, up } = this.#axes;
    return [
      across.low + ((clientX - left - x) / width) * (across.high - across.low),
      up.high - ((clientY - top - y) / height) * (up.high - up.low),
    ];
  }

  #upTicks() {
    const { low, high } = this.#axes.up;
    return ticks(low, high, this.#frame.height / 45);
  }

  /** [x, y] of a row of values, kept within the frame. @param {readonly number[]} values */
  #point(values) {
    return this.#at(values[this.#axes.across.place], values[this.#axes.up.place]);
  }

  /** @param {number} across @param {number} up @returns {[number, number]} */
  #at(across, up) {
    const { x, y, width, height } = this.#frame;
    /** @type {(value: number, axis: Axis) => number} */
    const share = (value, { low, high }) => Math.min(1, Math.max(0, (value - low) / (high - low)));
    return [x + share(across, this.#axes.across) * width, y + (1 - share(up, this.#axes.up)) * height];
  }

  /** @param {CanvasRenderingContext2D} context @param {number} width @param {number} height */
  #paint(context, width, height) {
    const { canvas } = context;
    if (this.#ground?.width !== canvas.width || this.#ground.height !== canvas.height) this.#paintGround(canvas);
    if (this.#ground) context.drawImage(this.#ground, 0, 0, width, height);
    if (this.#counterfactual) this.#paintCounterfactual(context, this.#counterfactual);
    const [x, y] = this.#point(this.#instance.values);
    ring(context, x, y, 8, css("var(--surface)"), 5);
    ring(context, x, y, 8, css("var(--ink)"), 2.5);
  }

  /** Axes, training range and training rows. @param {{ width: number, height: number }} size  In device pixels. */
  #paintGround({ width, height }) {
    this.#measure();
    this.#ground = new OffscreenCanvas(width, height);
    const context = this.#ground.getContext("2d");
    if (!context) return;
    context.scale(devicePixelRatio, devicePixelRatio);
    this.#paintAxes(context);
    this.#paintRange(context);
    this.#paintRows(context);
  }

  /** @param {Context} context */
  #paintAxes(context) {
    const { x, y, width, height } = this.#frame;
    const { across, up } = this.#axes;
    context.font = font();
    context.fillStyle = css("var(--muted)");
    context.textAlign = "center";
    for (const tick of ticks(across.low, across.high, width / 60)) {
      const at = x + ((tick - across.low) / (across.high - across.low)) * width;
      context.fillText(exact(tick), at, y + height + 16);
    }
    context.fillText(cut(across.title, width / 7), x + width / 2, y + height + 34);
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const tick of this.#upTicks()) {
      context.fillText(exact(tick), x - 8, y + ((up.high - tick) / (up.high - up.low)) * height);
    }
    context.save();
    context.translate(8, y + height / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText(cut(up.title, height / 7), 0, 0);
    context.restore();
  }

  /** @param {Context} context */
  #paintRange(context) {
    const { across, up } = this.#axes;
    if (across.minimum === null || up.minimum === null) return;
    const { features } = this.#card;
    const [left, bottom] = this.#point(features.map(({ minimum }) => minimum ?? 0));
    const [right, top] = this.#point(features.map(({ maximum }) => maximum ?? 0));
    context.strokeStyle = css("var(--muted)");
    context.lineWidth = 1;
    context.setLineDash([4, 4]);
    context.strokeRect(left, top, right - left, bottom - top);
    context.setLineDash([]);
  }

  /** @param {Context} context */
  #paintRows(context) {
    const { across, up } = this.#axes;
    const [xs, ys] = [across, up].map(({ place }) => this.#rows?.column(place));
    if (!this.#rows || !xs || !ys) return;
    const colours = classColours(this.#card.classes.length).map((colour) => `rgb(${colour.join(" ")})`);
    const radius = xs.length > 500 ? 2 : 3.25;
    context.strokeStyle = css("var(--surface)");
    context.lineWidth = 1;
    this.#rows.labels.forEach((label, row) => {
      context.fillStyle = colours[label];
      context.beginPath();
      context.arc(...this.#at(xs[row], ys[row]), radius, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    });
  }

  /** @param {CanvasRenderingContext2D} context @param {number[]} counterfactual */
  #paintCounterfactual(context, counterfactual) {
    const from = this.#point(this.#instance.values);
    const [x, y] = this.#point(counterfactual);
    context.strokeStyle = css("var(--ink)");
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(x, y);
    context.stroke();
    context.fillStyle = css("var(--surface)");
    context.beginPath();
    for (const [dx, dy] of [
      [0, -5.5],
      [5.5, 0],
      [0, 5.5],
      [-5.5, 0],
    ])
      context.lineTo(x + dx, y + dy);
    context.closePath();
    context.fill();
    context.stroke();
  }
}

/** @param {number} tick */
function textWidth(tick) {
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  if (!context) return 0;
  context.font = font();
  return context.measureText(exact(tick)).width;
}

function font() {
  return `12px ${getComputedStyle(document.body).fontFamily}`;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 * @param {string} colour
 * @param {number} width
 */
function ring(context, x, y, radius, colour, width) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.stroke();
}
