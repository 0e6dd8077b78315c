/** Light or dark: the system's scheme, until the user presses the button. */

import { svg } from "../draw/element.js";

const KEY = "scheme";
const system = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;
const kept = read();
if (kept) root.dataset.theme = kept;

/** Connect the button; call this when the page is built. @param {HTMLElement} button */
export function installTheme(button) {
  label(button);
  system.addEventListener("change", () => change(button));
  button.addEventListener("click", () => {
    root.dataset.theme = present() === "dark" ? "light" : "dark";
    keep(root.dataset.theme);
    change(button);
  });
}

/** @param {HTMLElement} button */
function change(button) {
  label(button);
  document.querySelector("main")?.dispatchEvent(new Event("scheme"));
}

function present() {
  return root.dataset.theme ?? (system.matches ? "dark" : "light");
}

/** @param {HTMLElement} button */
function label(button) {
  button.setAttribute("aria-label", `Switch to ${present() === "dark" ? "light" : "dark"}`);
  const half = svg("path", { d: "M8 2a6 6 0 0 1 0 12z", fill: "currentColor" });
  const ring = { cx: 8, cy: 8, r: 6, fill: "none", stroke: "currentColor", "stroke-width": 1.5 };
  button.replaceChildren(
    svg("svg", { width: 16, height: 16, viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("circle", ring), half),
  );
}

function read() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // Without storage, use the system's scheme.
  }
}

/** @param {string} scheme */
function keep(scheme) {
  try {
    localStorage.setItem(KEY, scheme);
  } catch {
    // Without storage, the choice lasts as long as the page.
  }
}
