/** Panels that fold: on a phone all but the input are folded at first. */

import { element, instanceOf } from "../draw/element.js";

const NARROW = "(max-width: 44rem)";
const PAUSE_MILLISECONDS = 5000;
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
  for (const link of document.querySelectorAll("nav a, #guide a")) link.addEventListener("click", () => unfold(link));
}

/** Scroll to the panel that the address names, and stay there while others above it are filled. */
export function followAddress() {
  const name = location.hash.slice(1).split("/")[0];
  const target = name ? document.getElementById(decodeURIComponent(name)) : null;
  if (!target) return;
  if (folded.has(target.id)) fold(target, false);
  const main = instanceOf(HTMLElement, document.querySelector("main"));
  const observer = new ResizeObserver(() => target.scrollIntoView({ behavior: "instant" }));
  observer.observe(main);
  const stop = () => observer.disconnect();
  for (const type of ["wheel", "touchstart", "pointerdown", "keydown"]) addEventListener(type, stop, { once: true });
  setTimeout(stop, PAUSE_MILLISECONDS);
}

/** @param {Element} link */
function unfold(link) {
  const panel = document.querySelector(link.getAttribute("href")?.match(/^#[\w-]+$/)?.[0] ?? "main");
  if (panel && folded.has(panel.id)) fold(panel, false);
}

/** @param {Element} panel @param {boolean} shut */
function fold(panel, shut) {
  folded.set(panel.id, shut);
  panel.classList.toggle("folded", shut);
  panel.querySelector("h2 .fold")?.setAttribute("aria-expanded", String(!shut));
}
