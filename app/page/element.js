/** DOM nodes in one expression. Text only ever becomes text: nothing here parses HTML. */

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element; attributes of value null, undefined or false are left out. */
export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** The element of the page with this id. */
export function part(id) {
  return document.getElementById(id);
}

/** A dot in the colour of the class at `index`. */
export function swatch(index) {
  const dot = element("span", { class: "swatch", "aria-hidden": "true" });
  dot.style.setProperty("--class", classVariable(index));
  return dot;
}

/** The CSS colour of the class at `index`; past the named ones, hues as far apart as can be. */
export function classVariable(index) {
  return index < 10 ? `var(--class-${index})` : `hsl(${(index * 137.508) % 360} 45% 50%)`;
}

/** Show the section with this id and the link to it, or neither. */
export function reveal(id, shown) {
  part(id).hidden = !shown;
  document.querySelector(`nav a[href="#${id}"]`).hidden = !shown;
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}
