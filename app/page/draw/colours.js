/** The style sheet's colours in the current scheme, for drawing on a canvas. */

import { classVariable, instanceOf } from "./element.js";

/** @typedef {number[]} Colour  [red, green, blue], 0 to 255. */

const ZERO = { light: [245, 244, 241], dark: [38, 42, 48] };

/** @type {Map<string, Colour>} */
const known = new Map();
// Before the panels draw again.
document.addEventListener("scheme", () => known.clear(), { capture: true });

/** Any CSS colour, such as "var(--ink)". @param {string} colour @returns {Colour} */
export function rgb(colour) {
  const found = known.get(colour) ?? compute(colour);
  known.set(colour, found);
  return found;
}

/** @param {string} colour */
function compute(colour) {
  // A custom property is text: the browser computes a colour only for an element.
  const probe = document.body.appendChild(document.createElement("span"));
  probe.style.color = colour;
  const found = channels(getComputedStyle(probe).color);
  probe.remove();
  return found;
}

/** @param {string} colour */
export function css(colour) {
  return `rgb(${rgb(colour).join(" ")})`;
}

/** @param {number} count */
export function classColours(count) {
  return Array.from({ length: count }, (_, index) => rgb(classVariable(index)));
}

/** A function from -1..1 to [red, green, blue]: the style's negative, nothing, positive. */
export function diverging() {
  const dark = channels(getComputedStyle(document.body).backgroundColor)[0] < 128;
  const [negative, zero, positive] = [rgb("var(--negative)"), ZERO[dark ? "dark" : "light"], rgb("var(--positive)")];
  return (/** @type {number} */ share) => {
    const end = share < 0 ? negative : positive;
    const way = Math.min(1, Math.abs(share));
    return zero.map((from, channel) => Math.round(from + (end[channel] - from) * way));
  };
}

/** Black or white: the more readable on `colour` (WCAG's relative luminance). @param {Colour} colour */
export function inkOn(colour) {
  const [red, green, blue] = colour.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}

/**
 * Call `redraw` whenever the scheme changes, as long as the current panels are on the page.
 * @param {() => void} redraw
 */
export function onScheme(redraw) {
  instanceOf(HTMLElement, document.querySelector("main")).addEventListener("scheme", redraw);
}

/** @param {string} computed  "rgb(...)", as the browser writes it. @returns {Colour} */
function channels(computed) {
  return (computed.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number);
}
