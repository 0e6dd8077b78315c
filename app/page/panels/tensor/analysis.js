/** What takes longer to compute, on demand: singular values, and the histogram in each version. */

import { drawChart, offerTable } from "../../draw/chart.js";
import { classVariable, element, swatch } from "../../draw/element.js";
import { figures } from "../../draw/figures.js";
import { line } from "../../draw/marks.js";
import { exact, short } from "../../draw/number_text.js";
import { onWidth } from "../../draw/width.js";
import { ticks } from "../../model/scale.js";

/**
 * @import { Histogram, Model, Outlined, Spectrum } from "../../data/answers.js"
 * @import { Api } from "../../data/api.js"
 */

const BINS = 40;
const MOST_VERSIONS = 8;

/**
 * Buttons, each of which is replaced by what it computes.
 * @param {Api} api
 * @param {Model} model
 * @param {string[]} versions
 * @param {Outlined} entry
 */
export function analysis(api, { name: model, version }, versions, { name, shape, elements }) {
  const matrix = shape.length > 1 && elements > 0;
  const last = versions.slice(-MOST_VERSIONS);
  const shown = last.includes(version) ? last : [version, ...last.slice(1)];
  const spectrum = async () => drawSpectrum(name, (await api.entry(name, { singular_values: "true" })).spectrum);
  const histograms = async () => {
    const found = await Promise.allSettled(
      shown.map((each) => api.of({ model, version: each }).entry(name, { histogram: String(BINS) })),
    );
    return drawVersions(
      name,
      found.flatMap((each, place) =>
        each.status === "fulfilled" && each.value.histogram
          ? [{ version: shown[place], histogram: each.value.histogram }]
          : [],
      ),
    );
  };
  return [
    ...(matrix ? [onDemand("Singular values", spectrum)] : []),
    ...(versions.length > 1 ? [onDemand("Histogram in each version", histograms)] : []),
  ];
}

/** @param {string} text @param {() => Promise<(root: HTMLElement) => void>} make */
function onDemand(text, make) {
  const details = element("details", { class: "demand" }, element("summary", {}, text));
  details.addEventListener(
    "toggle",
    async () => {
      const root = details.appendChild(element("div", {}, element("p", { class: "note" }, "…")));
      try {
        const draw = await make();
        onWidth(root, () => {
          root.replaceChildren();
          draw(root);
        });
      } catch (error) {
        root.replaceChildren(element("p", { role: "alert" }, /** @type {Error} */ (error).message));
      }
    },
    { once: true },
  );
  return details;
}

/** @param {string} name @param {Spectrum | null} spectrum */
function drawSpectrum(name, spectrum) {
  const {
    singular_values: values,
    rank,
    effective_rank: effective,
    stable_rank: stable,
    above_random: above,
  } = /** @type {Spectrum} */ (spectrum);
  const places = values.map((_, place) => place + 1);
  return (/** @type {HTMLElement} */ root) => {
    const chart = drawChart(root, {
      name: `Singular values of ${name}; the table has the numbers`,
      height: 150,
      x: { low: 1, high: Math.max(2, values.length), ticks: ticks(1, values.length, 5).map((x) => [x, exact(x)]) },
      y: { low: 0, high: values[0] || 1, grid: true, ticks: ticks(0, values[0] || 1, 4).map((y) => [y, exact(y)]) },
    });
    line(chart, places, values, "var(--accent)");
    offerTable(root, ["Place", "Singular value"], () => places.map((place) => [place, short(values[place - 1])]));
    root.append(
      figures({
        rank: `${rank} of ${values.length}`,
        "effective rank": short(effective),
        "stable rank": short(stable),
        "above those of noise": String(above),
      }),
    );
  };
}

/** @param {string} name @param {{ version: string, histogram: Histogram }[]} found */
function drawVersions(name, found) {
  const densities = found.map(({ version, histogram: { counts, edges } }) => {
    const width = edges[1] - edges[0] || 1;
    const total = counts.reduce((sum, count) => sum + count, 0) || 1;
    const xs = counts.map((_, bin) => (edges[bin] + edges[bin + 1]) / 2);
    return { version, xs, ys: counts.map((count) => count / total / width) };
  });
  const [xs, ys] = [densities.flatMap((each) => each.xs), densities.flatMap((each) => each.ys)];
  const [low, high, top] = [Math.min(...xs), Math.max(...xs), Math.max(...ys)];
  return (/** @type {HTMLElement} */ root) => {
    const chart = drawChart(root, {
      name: `Density of the values of ${name} in each version; the table has the numbers`,
      height: 170,
      x: { low, high: high > low ? high : low + 1, ticks: ticks(low, high, 5).map((x) => [x, exact(x)]) },
      y: { low: 0, high: top || 1, grid: true, ticks: ticks(0, top || 1, 3).map((y) => [y, exact(y)]) },
    });
    densities.forEach((each, place) => line(chart, each.xs, each.ys, classVariable(place)));
    const names = densities.map(({ version }, place) => element("li", {}, swatch(place), `version ${version}`));
    root.append(element("ul", { class: "legend", "aria-label": "Versions" }, ...names));
    offerTable(root, ["Version", "Middle of the bin", "Density"], () =>
      densities.flatMap((each) => each.xs.map((x, bin) => [each.version, short(x), short(each.ys[bin])])),
    );
  };
}
