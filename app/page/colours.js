/** Colours for what is drawn by hand, as the style sheet has them in the present scheme. */

import { classVariable } from "./element.js";

const ZERO = { light: [245, 244, 241], dark: [38, 42, 48] };

/** [red, green, blue], 0 to 255, of any CSS colour, such as "var(--ink)". */
export function rgb(colour) {
  // A custom property is text; only as somebody's colour does the browser work it out.
  const probe = document.body.appendChild(document.createElement("span"));
  probe.style.color = colour;
  const found = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
  probe.remove();
  return found;
}

export function css(colour) {
  return `rgb(${rgb(colour).join(" ")})`;
}

export function classColours(count) {
  return Array.from({ length: count }, (_, index) => rgb(classVariable(index)));
}

/** A function from -1..1 to [red, green, blue]: the style's negative, nothing, positive. */
export function diverging() {
  const dark = getComputedStyle(document.body).backgroundColor.match(/\d+/g)[0] < 128;
  const [negative, zero, positive] = [rgb("var(--negative)"), ZERO[dark ? "dark" : "light"], rgb("var(--positive)")];
  return (share) => {
    const end = share < 0 ? negative : positive;
    const way = Math.min(1, Math.abs(share));
    return zero.map((from, channel) => Math.round(from + (end[channel] - from) * way));
  };
}

/** Black or white, whichever reads better on [red, green, blue] (WCAG's relative luminance). */
export function inkOn(colour) {
  const [red, green, blue] = colour.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}

/** Call `redraw` whenever the scheme changes, as long as the present panels are on the page. */
export function onScheme(redraw) {
  document.querySelector("main").addEventListener("scheme", redraw);
}
