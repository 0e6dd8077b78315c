/** Build DOM nodes in one expression. Text stays text: nothing here parses HTML. */

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Record<string, string | number | boolean | URL | null | undefined>} Attributes */
/** @typedef {Node | string} Child */

/**
 * An HTML element; attributes of value null, undefined or false are left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} attributes
 * @param {Child[]} children
 */
export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/**
 * An SVG element, as `element`.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} attributes
 * @param {Child[]} children
 */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** The element of the page with this id. @param {string} id */
export function part(id) {
  return partOf(HTMLElement, id);
}

/** The select of the page with this id. @param {string} id */
export function select(id) {
  return partOf(HTMLSelectElement, id);
}

/**
 * The element of this kind with this id.
 * @template {HTMLElement} Kind
 * @param {new () => Kind} kind
 * @param {string} id
 */
export function partOf(kind, id) {
  return instanceOf(kind, document.getElementById(id));
}

/** @template Kind @param {new () => Kind} kind @param {unknown} found @returns {Kind} */
export function instanceOf(kind, found) {
  if (found instanceof kind) return found;
  throw new TypeError(`${found} is no ${kind.name}`);
}

/** A text in which the service marks code as in Markdown. @param {string} text @returns {Child[]} */
export function withCode(text) {
  return text.split("`").map((piece, place) => (place % 2 ? element("code", {}, piece) : piece));
}

/** A dot in the colour of the class at `index`. @param {number} index */
export function swatch(index) {
  const dot = element("span", { class: "swatch", "aria-hidden": "true" });
  dot.style.setProperty("--class", classVariable(index));
  return dot;
}

/** The CSS colour of the class at `index`; after the named ones, hues as far apart as possible. @param {number} index */
export function classVariable(index) {
  return index < 10 ? `var(--class-${index})` : `hsl(${(index * 137.508) % 360} 45% 50%)`;
}

/** Show the section with this id and the link to it, or neither. @param {string} id @param {boolean} shown */
export function reveal(id, shown) {
  part(id).hidden = !shown;
  instanceOf(HTMLElement, document.querySelector(`nav a[href="#${id}"]`)).hidden = !shown;
}

/** @template {Element} Kind @param {Kind} node @param {Attributes} attributes @param {Child[]} children */
function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children);
  return node;
}
