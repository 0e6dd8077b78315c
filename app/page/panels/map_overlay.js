/** The marks on the decision map: axes, training range, training rows and the input. */

import { classColours, css, onScheme } from "../draw/colours.js";
import { instanceOf } from "../draw/element.js";
import { short } from "../draw/number_text.js";
import { Surface } from "../draw/surface.js";
import { ticks } from "../model/scale.js";

/**
 * @import { Card } from "../data/answers.js"
 * @import { Instance } from "../model/instance.js"
 * @import { Axis, Plane } from "../model/plane.js"
 */

/** Room for the vertical axis's title and the gaps around its numbers, in CSS pixels. */
const TITLE = 32;

export class MapOverlay {
  #plane;
  #card;
  #instance;
  #surface;
  #axes;
  #answers;
  /** @type {number[] | null} */
  #counterfactual = null;

  /** @param {HTMLElement} plane @param {Card} card @param {Instance} instance @param {Plane} axes */
  constructor(plane, card, instance, axes) {
    this.#plane = plane;
    this.#card = card;
    this.#instance = instance;
    this.#surface = new Surface(instanceOf(HTMLCanvasElement, plane.querySelector(".overlay")), (context) =>
      this.#paint(context),
    );
    this.#answers = instanceOf(HTMLCanvasElement, plane.querySelector(".answers"));
    this.#axes = axes;
    this.use(axes);
    onScheme(() => this.draw());
  }

  /** @param {Plane} axes */
  use(axes) {
    this.#axes = axes;
    this.#plane.style.setProperty("--left", `${TITLE + Math.max(...this.#upTicks().map(textWidth))}px`);
    this.draw();
  }

  /** @param {number[] | null} counterfactual */
  mark(counterfactual) {
    this.#counterfactual = counterfactual;
    this.draw();
  }

  draw() {
    this.#surface.draw();
  }

  /** [across, up], in the features' units, under the pointer. @param {MouseEvent} event */
  valuesAt({ clientX, clientY }) {
    const { left, top } = this.#plane.getBoundingClientRect();
    const { x, y, width, height } = this.#frame();
    const { across, up } = this.#axes;
    return [
      across.low + ((clientX - left - x) / width) * (across.high - across.low),
      up.high - ((clientY - top - y) / height) * (up.high - up.low),
    ];
  }

  /** The position of the canvas of answers, in CSS pixels, as in the style sheet. */
  #frame() {
    const { offsetLeft: x, offsetTop: y, clientWidth: width, clientHeight: height } = this.#answers;
    return { x, y, width, height };
  }

  #upTicks() {
    const { low, high } = this.#axes.up;
    return ticks(low, high, this.#frame().height / 45);
  }

  /** [x, y] of a row of values, kept within the frame. @param {readonly number[]} values @returns {[number, number]} */
  #point(values) {
    const { x, y, width, height } = this.#frame();
    /** @type {(axis: Axis) => number} */
    const share = ({ place, low, high }) => Math.min(1, Math.max(0, (values[place] - low) / (high - low)));
    return [x + share(this.#axes.across) * width, y + (1 - share(this.#axes.up)) * height];
  }

  /** @param {CanvasRenderingContext2D} context */
  #paint(context) {
    this.#paintAxes(context);
    this.#paintRange(context);
    this.#paintRows(context);
    if (this.#counterfactual) this.#paintCounterfactual(context, this.#counterfactual);
    const [x, y] = this.#point(this.#instance.values);
    ring(context, x, y, 8, css("var(--surface)"), 5);
    ring(context, x, y, 8, css("var(--ink)"), 2.5);
  }

  /** @param {CanvasRenderingContext2D} context */
  #paintAxes(context) {
    const { x, y, width, height } = this.#frame();
    const { across, up } = this.#axes;
    context.font = font();
    context.fillStyle = css("var(--muted)");
    context.textAlign = "center";
    for (const tick of ticks(across.low, across.high, width / 60)) {
      const at = x + ((tick - across.low) / (across.high - across.low)) * width;
      context.fillText(short(tick), at, y + height + 16);
    }
    context.fillText(across.title, x + width / 2, y + height + 34);
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const tick of this.#upTicks()) {
      context.fillText(short(tick), x - 8, y + ((up.high - tick) / (up.high - up.low)) * height);
    }
    context.save();
    context.translate(8, y + height / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText(up.title, 0, 0);
    context.restore();
  }

  /** @param {CanvasRenderingContext2D} context */
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

  /** @param {CanvasRenderingContext2D} context */
  #paintRows(context) {
    const kept = this.#card.training_rows;
    if (!kept) return;
    const colours = classColours(this.#card.classes.length).map((colour) => `rgb(${colour.join(" ")})`);
    const radius = kept.rows.length > 500 ? 2 : 3.25;
    context.strokeStyle = css("var(--surface)");
    context.lineWidth = 1;
    kept.rows.forEach((row, index) => {
      context.fillStyle = colours[kept.labels[index]];
      context.beginPath();
      context.arc(...this.#point(row), radius, 0, 2 * Math.PI);
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
  return context.measureText(short(tick)).width;
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
