/** Panels that fold: on a phone all but the input are folded at first. */

import { element, instanceOf } from "../draw/element.js";

const NARROW = "(max-width: 44rem)";
/** What a user does to leave a place. */
const MOVES = ["wheel", "touchstart", "pointerdown", "keydown", "click", "input"];
/** Watches for panels above the place that are filled late. @type {ResizeObserver | null} */
let holding = null;
/** By panel; kept for the panels of another version. @type {Map<string, boolean>} */
const folded = new Map();

/** Make the headings of all panels but the input buttons that fold them. */
export function installFolds() {
  const narrow = matchMedia(NARROW).matches;
  for (const panel of document.querySelectorAll(".views > .panel")) {
    const title = instanceOf(HTMLElement, panel.querySelector("h2"));
    const button = element("button", { type: "button", class: "fold" }, ...title.childNodes);
    title.append(button);
    button.addEventListener("click", () => fold(panel, !folded.get(panel.id)));
    fold(panel, folded.get(panel.id) ?? narrow);
  }
}

/** Follow links inside the page, and each change of the address. Called once. */
export function installLinks() {
  for (const link of document.querySelectorAll('nav a[href^="#"]')) {
    // A link to the place of the address changes nothing in it, but the user may have left the place.
    link.addEventListener("click", () => goTo(link.getAttribute("href")?.slice(1) ?? ""));
  }
  addEventListener("hashchange", followAddress);
  for (const type of MOVES) addEventListener(type, () => holding?.disconnect(), { capture: true, passive: true });
}

/** Go to the panel that the address names. */
export function followAddress() {
  goTo(location.hash.slice(1).split(/[/?]/)[0]);
}

/** Unfold the panel of this name, scroll to it, and stay there while others above it are filled, until the user moves. @param {string} name */
export function goTo(name) {
  const target = name ? document.getElementById(decodeURIComponent(name)) : null;
  holding?.disconnect();
  if (!target) return;
  if (folded.has(target.id)) fold(target, false);
  holding = new ResizeObserver(() => target.scrollIntoView({ behavior: "instant" }));
  holding.observe(instanceOf(HTMLElement, document.querySelector("main")));
}

/** @param {Element} panel @param {boolean} shut */
function fold(panel, shut) {
  folded.set(panel.id, shut);
  panel.classList.toggle("folded", shut);
  panel.querySelector("h2 .fold")?.setAttribute("aria-expanded", String(!shut));
}
