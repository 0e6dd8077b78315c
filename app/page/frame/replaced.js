/** A model that the service has loaded anew while its page is open. */

/** @import { Api } from "../data/api.js" */

/** Between two questions that follow refusals: an input that the model refuses is no sign. */
const PAUSE_MILLISECONDS = 5000;

/**
 * Call `replaced` once the model has another state than the one shown. With a canary, answers of
 * another state are of another version, so the model is asked.
 * @param {Api} api
 * @param {string} sha256  Of the state that is shown.
 * @param {() => void} replaced
 */
export function watchState(api, sha256, replaced) {
  const known = new Set([sha256.slice(0, 12)]);
  let asked = -Infinity;
  api.addEventListener("answered", async (event) => {
    const of = event instanceof CustomEvent ? event.detail : null;
    if (of === null ? performance.now() - asked < PAUSE_MILLISECONDS : known.has(of)) return;
    if (of === null) asked = performance.now();
    else known.add(of);
    const model = await api.model().catch(() => null);
    if (model && model.state_sha256 !== sha256) replaced();
  });
}
