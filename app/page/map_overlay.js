/** What stands on the decision map: axes, training range, training rows and the input. */

import { classColours, css, onScheme } from "./colours.js";
import { short, ticks } from "./scale.js";
import { Surface } from "./surface.js";

/** Room for the vertical axis's title and the gaps around its numbers, in CSS pixels. */
const TITLE = 32;

export class MapOverlay {
  #plane;
  #card;
  #instance;
  #surface;
  #axes = null;
  #counterfactual = null;

  constructor(plane, card, instance) {
    this.#plane = plane;
    this.#card = card;
    this.#instance = instance;
    this.#surface = new Surface(plane.querySelector(".overlay"), (context) => this.#paint(context));
    onScheme(() => this.draw());
  }

  use(across, up) {
    this.#axes = { across, up };
    this.#plane.style.setProperty("--left", `${TITLE + Math.max(...this.#upTicks().map(textWidth))}px`);
    this.draw();
  }

  mark(counterfactual) {
    this.#counterfactual = counterfactual;
    this.draw();
  }

  draw() {
    this.#surface.draw();
  }

  /** [across, up], in the features' units, under a mouse or pointer event. */
  valuesAt({ clientX, clientY }) {
    const { left, top } = this.#plane.getBoundingClientRect();
    const { x, y, width, height } = this.#frame();
    const { across, up } = this.#axes;
    return [
      across.low + ((clientX - left - x) / width) * (across.high - across.low),
      up.high - ((clientY - top - y) / height) * (up.high - up.low),
    ];
  }

  /** Where the canvas of answers is, in CSS pixels; the style sheet decides. */
  #frame() {
    const answers = this.#plane.querySelector(".answers");
    return { x: answers.offsetLeft, y: answers.offsetTop, width: answers.clientWidth, height: answers.clientHeight };
  }

  #upTicks() {
    const { low, high } = this.#axes.up;
    return ticks(low, high, this.#frame().height / 45);
  }

  /** [x, y] of a row of values, kept within the frame. */
  #point(values) {
    const { x, y, width, height } = this.#frame();
    const share = ({ place, low, high }) => Math.min(1, Math.max(0, (values[place] - low) / (high - low)));
    return [x + share(this.#axes.across) * width, y + (1 - share(this.#axes.up)) * height];
  }

  #paint(context) {
    if (!this.#axes) return;
    this.#paintAxes(context);
    this.#paintRange(context);
    this.#paintRows(context);
    if (this.#counterfactual) this.#paintCounterfactual(context);
    const [x, y] = this.#point(this.#instance.values);
    ring(context, x, y, 8, css("var(--surface)"), 5);
    ring(context, x, y, 8, css("var(--ink)"), 2.5);
  }

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
    context.fillText(title(across), x + width / 2, y + height + 34);
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const tick of this.#upTicks()) {
      context.fillText(short(tick), x - 8, y + ((up.high - tick) / (up.high - up.low)) * height);
    }
    context.save();
    context.translate(8, y + height / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText(title(up), 0, 0);
    context.restore();
  }

  #paintRange(context) {
    if (this.#card.features.some((feature) => feature.minimum === null)) return;
    const ends = ["minimum", "maximum"].map((end) =>
      this.#point(this.#card.features.map((feature) => feature[end])),
    );
    context.strokeStyle = css("var(--muted)");
    context.lineWidth = 1;
    context.setLineDash([4, 4]);
    context.strokeRect(ends[0][0], ends[1][1], ends[1][0] - ends[0][0], ends[0][1] - ends[1][1]);
    context.setLineDash([]);
  }

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

  #paintCounterfactual(context) {
    const from = this.#point(this.#instance.values);
    const [x, y] = this.#point(this.#counterfactual);
    context.strokeStyle = css("var(--ink)");
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(x, y);
    context.stroke();
    context.fillStyle = css("var(--surface)");
    context.beginPath();
    for (const [dx, dy] of [[0, -5.5], [5.5, 0], [0, 5.5], [-5.5, 0]]) context.lineTo(x + dx, y + dy);
    context.closePath();
    context.fill();
    context.stroke();
  }
}

function textWidth(tick) {
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  context.font = font();
  return context.measureText(short(tick)).width;
}

function font() {
  return `12px ${getComputedStyle(document.body).fontFamily}`;
}

function ring(context, x, y, radius, colour, width) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.stroke();
}

function title({ name, unit }) {
  return unit ? `${name} (${unit})` : name;
}
