/** Assemble the page from the service's models, for one version at a time. */

import { beginEntry, keepInAddress, readChoice, readInput, writeAddress } from "./data/address.js";
import { Api, Problem, Unreachable } from "./data/api.js";
import { RequestQueue } from "./data/request_queue.js";
import { instanceOf, part, reveal } from "./draw/element.js";
import { takeOver } from "./frame/controls.js";
import { followAddress, installFolds, installLinks } from "./frame/folds.js";
import { watchState } from "./frame/replaced.js";
import { installTheme } from "./frame/theme.js";
import { showFailure, showLimits } from "./introduction.js";
import { cardOf } from "./model/card.js";
import { TrainingRows } from "./model/training_rows.js";
import { Versions } from "./panels/versions.js";
import { TensorPage } from "./tensor_page.js";
import { VersionPage } from "./version_page.js";

/**
 * @import { Models } from "./data/answers.js"
 * @import { Choice, Input } from "./data/api.js"
 * @import { Loaded } from "./version_page.js"
 */

const root = new URL(".", document.baseURI).href;
const pristine = present().cloneNode(true);
/** @type {{ choice: Choice | null, page: VersionPage | TensorPage } | null} */
let shown = null;

installTheme(part("theme"));
installLinks();
new Api(root)
  .models()
  .then(open)
  .catch((error) => {
    fail(error);
    // The page tells these; any other is a fault of its own.
    if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
  });

/** @param {Models} models */
function open(models) {
  const choice = readChoice(models);
  const versions = new Versions(models, choice);
  const opening = new RequestQueue(
    load,
    (loaded, choice) => {
      const input = inputFor(choice, readChoice(models));
      show(loaded, choice, versions, input, () => opening.want(choice));
    },
    (error) => {
      fail(error);
      if (shown) versions.show(shown.choice);
    },
  );
  versions.addEventListener("change", () => opening.want(versions.choice));
  opening.want(choice);
  addEventListener("popstate", () => {
    const choice = readChoice(models);
    if (!shown || isSame(choice, shown.choice)) return;
    versions.show(choice);
    opening.want(choice);
  });
  addEventListener("hashchange", () => {
    if (!shown || !isSame(readChoice(models), shown.choice)) return;
    part("state").dispatchEvent(new Event("address"));
    // An earlier entry of the history has an earlier input.
    writeAddress(shown.page.instance, shown.choice);
  });
}

/**
 * The input for the panels of `choice`. One that the address names has its input there, as an entry
 * of the history has; one of the menu gets that of the panels before, and an entry of its own.
 * @param {Choice | null} choice
 * @param {Choice | null} named
 */
function inputFor(choice, named) {
  if (!shown) return readInput();
  if (isSame(choice, shown.choice)) return shown.page.instance.toJSON();
  if (isSame(choice, named)) return readInput();
  beginEntry(shown.page.instance, shown.choice);
  return shown.page.instance.toJSON();
}

/** @param {Choice | null} first @param {Choice | null} second */
function isSame(first, second) {
  return JSON.stringify(first) === JSON.stringify(second);
}

/** Show no panels as long as there is no model for them. @param {Error} error */
function fail(error) {
  showFailure(error);
  part("loading").hidden = true;
  if (shown) return;
  present().classList.add("nothing");
  present().addEventListener("back", () => shown || location.reload(), { once: true });
}

/** The data with which the panels of a version start. @param {Choice | null} choice */
async function load(choice) {
  const api = new Api(root).of(choice);
  const [model, state, service] = await Promise.all([
    api.model(),
    api.branch("").catch(unlessForbidden),
    api.service(),
  ]);
  model.card = cardOf(model);
  const rows = model.training_rows ? new TrainingRows(api, model.card, await api.trainingRows()) : null;
  const tabular = model.card.features.length > 0;
  return { api, tabular, model, rows, state, service };
}

/** null in place of a state that the key may not see. @param {Error} error */
function unlessForbidden(error) {
  if (error instanceof Problem && error.status === 403) return null;
  throw error;
}

/**
 * Replace the panels of another version, and keep the choices made there.
 * @param {Loaded & { api: Api, tabular: boolean }} loaded
 * @param {Choice | null} choice
 * @param {Versions} versions
 * @param {Input} input
 * @param {() => void} reload  Called when the service has loaded this choice anew.
 */
function show({ api, tabular, ...loaded }, choice, versions, input, reload) {
  const others = versions.versionsOf(loaded.model.name);
  const before = shown?.page;
  const isReplaced = shown !== null && isSame(shown.choice, choice);
  before?.close();
  const old = before && replaceMain();
  present().classList.remove("nothing");
  installFolds();
  arrange(tabular);
  const page = tabular ? new VersionPage(api, loaded, others, input) : new TensorPage(api, loaded, others);
  shown = { choice, page };
  if (!before && page.refused.length) {
    part("refused").textContent = `Not all of the address is shown: ${page.refused.join("; ")}.`;
    part("refused").hidden = false;
    page.instance.addEventListener("change", () => (part("refused").hidden = true), { once: true });
    writeAddress(page.instance, choice);
  }
  if (before && old) {
    takeOver(old, present());
    page.batch?.open(before.batch?.file ?? null);
    writeAddress(page.instance, choice);
  }
  keepInAddress(page.instance, choice);
  present().addEventListener("back", () => page.askAgain());
  if (!loaded.state) showLimits();
  if (!before) followAddress();
  part("replaced").hidden = !isReplaced;
  watchState(api, loaded.model.state_sha256, reload);
}

/** Leave out the panels that know only tabular classifiers, or show them. @param {boolean} tabular */
function arrange(tabular) {
  for (const id of ["map", "explanation", "batch"]) reveal(id, tabular);
  for (const id of ["curves", "sliders", "slider-buttons"]) part(id).hidden = !tabular;
  part("json").hidden = tabular;
  if (tabular) part("picture").hidden = true;
}

function present() {
  return instanceOf(HTMLElement, document.querySelector("main"));
}

/** Insert new panels at the same scroll position. Returns the old ones. */
function replaceMain() {
  const [old, fresh] = [present(), instanceOf(HTMLElement, pristine.cloneNode(true))];
  const { scrollY } = window;
  fresh.style.minHeight = `${old.offsetHeight}px`;
  old.replaceWith(fresh);
  scrollTo({ top: scrollY, behavior: "instant" });
  return old;
}
