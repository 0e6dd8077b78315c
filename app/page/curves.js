/** The probability of each class along one feature, all others held. */

import { classColours, css, onScheme } from "./colours.js";
import { element, part } from "./element.js";
import { Latest } from "./latest.js";
import { axis, tellingFeatures } from "./plane.js";
import { percent, short } from "./scale.js";
import uPlot from "./vendor/uplot/uPlot.esm.js";

const POINTS = 161;

export class Curves {
  #card;
  #instance;
  #details;
  #latest;
  #axis;
  #chart = null;
  #asked = "";
  #data = null;

  constructor(card, instance, details, api) {
    this.#card = card;
    this.#instance = instance;
    this.#details = details;
    this.#latest = new Latest(
      (question) => api.probabilities(question.rows, card.features.length, question.query),
      (answer, question) => this.#show(answer, question),
      (error) => this.#fail(error),
    );
    const select = part("curves-feature");
    select.replaceChildren(...card.features.map(({ name }, place) => element("option", { value: place }, name)));
    select.value = tellingFeatures(card)[0];
    select.addEventListener("change", () => this.#use(Number(select.value)));
    this.#use(Number(select.value));
    for (const changing of [instance, details]) changing.addEventListener("change", () => this.#refresh());
    onScheme(() => this.#rebuild());
    new ResizeObserver(() => this.#chart?.setSize(this.#size())).observe(part("curves-plot"));
  }

  close() {
    this.#chart?.destroy();
  }

  #use(place) {
    this.#axis = axis(this.#card, place);
    const label = `Probability of each class as ${this.#axis.name} changes; the sliders give the numbers`;
    part("curves-plot").setAttribute("aria-label", label);
    this.#refresh();
  }

  #refresh() {
    const { place, low, high } = this.#axis;
    const query = this.#details.calibration;
    const asked = JSON.stringify([place, query, this.#instance.values.with(place, null)]);
    // Along the feature itself only the line moves.
    if (asked === this.#asked) return this.#chart?.redraw(false, false);
    this.#asked = asked;
    const xs = Array.from({ length: POINTS }, (_, point) => low + (point / (POINTS - 1)) * (high - low));
    const rows = Float32Array.from(xs.flatMap((x) => this.#instance.values.with(place, x)));
    return this.#latest.want({ xs, rows, query, along: this.#axis });
  }

  #show(answer, { xs, along }) {
    const count = this.#card.classes.length;
    const curves = this.#card.classes.map((_, index) => xs.map((_, point) => answer.data[point * count + index]));
    const same = this.#data?.along === along;
    part("curves-readout").textContent = "";
    this.#data = { along, columns: [xs, ...curves] };
    if (same) this.#chart.setData(this.#data.columns);
    else this.#rebuild();
  }

  #fail(error) {
    this.#data = null;
    this.#chart?.destroy();
    this.#chart = null;
    this.#asked = "";
    part("curves-readout").textContent = error.message;
  }

  #rebuild() {
    if (!this.#data) return;
    this.#chart?.destroy();
    this.#chart = new uPlot(this.#options(), this.#data.columns, part("curves-plot"));
  }

  #size() {
    const { clientWidth: width, clientHeight: height } = part("curves-plot");
    return { width, height };
  }

  #options() {
    const { along } = this.#data;
    const font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const line = { stroke: css("var(--muted)"), font, labelFont: font, grid: { stroke: css("var(--line)"), width: 1 }, ticks: { show: false } };
    const colours = classColours(this.#card.classes.length);
    return {
      ...this.#size(),
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      scales: { x: { time: false, range: [along.low, along.high] }, y: { range: [0, 1] } },
      axes: [
        { ...line, label: along.unit ? `${along.name} (${along.unit})` : along.name, labelSize: 22, size: 30, values: (_, at) => at.map((x) => short(x)) },
        { ...line, size: 52, values: (_, at) => at.map((y) => `${Math.round(y * 100)} %`) },
      ],
      series: [{}, ...colours.map((colour) => ({ stroke: `rgb(${colour.join(" ")})`, width: 2, points: { show: false } }))],
      hooks: { drawClear: [(chart) => this.#shade(chart)], draw: [(chart) => this.#mark(chart)], setCursor: [(chart) => this.#read(chart)] },
    };
  }

  #shade({ ctx, bbox, valToPos }) {
    const { minimum, maximum } = this.#data.along;
    const [from, to] = [minimum, maximum].map((x) => valToPos(x, "x", true));
    ctx.fillStyle = css("var(--ground)");
    ctx.fillRect(from, bbox.top, to - from, bbox.height);
  }

  #mark({ ctx, bbox, valToPos }) {
    const x = valToPos(this.#instance.values[this.#data.along.place], "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) return;
    ctx.fillStyle = css("var(--ink)");
    ctx.fillRect(x - devicePixelRatio * 0.75, bbox.top, devicePixelRatio * 1.5, bbox.height);
  }

  #read({ cursor: { idx: index } }) {
    const { along, columns } = this.#data;
    const at = (name, column) => `${name} ${percent(columns[column + 1][index])}`;
    part("curves-readout").textContent =
      index === null || index === undefined
        ? ""
        : `${along.name} ${short(columns[0][index], 3)}: ${this.#card.classes.map(at).join(", ")}`;
  }
}
