/** A service that does not answer: says so, and asks again until it does. */

import { part } from "../draw/element.js";

const PAUSE_MILLISECONDS = 2000;
let waiting = false;

/** Ask until the service is ready; then <main> gets the event "back". */
export async function awaitService() {
  if (waiting) return;
  waiting = true;
  part("failure").textContent =
    "The service does not answer. The page asks again every two seconds; all that it shows is from before.";
  while (!(await isReady())) await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS));
  waiting = false;
  part("failure").hidden = true;
  document.querySelector("main")?.dispatchEvent(new Event("back"));
}

async function isReady() {
  try {
    // No key is needed here.
    return (await fetch(new URL("health/ready", document.baseURI), { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}
