/** Assemble the page from the service's models, for one version at a time. */

import { keepInAddress, readChoice, readInput, writeAddress } from "./data/address.js";
import { Api } from "./data/api.js";
import { RequestQueue } from "./data/request_queue.js";
import { instanceOf, part, reveal } from "./draw/element.js";
import { takeOver } from "./panels/controls.js";
import { installTheme } from "./panels/theme.js";
import { Versions } from "./panels/versions.js";
import { classesOf, TensorPage } from "./tensor_page.js";
import { showFailure, VersionPage } from "./version_page.js";

/**
 * @import { Card, Model, Models } from "./data/answers.js"
 * @import { Choice } from "./data/api.js"
 * @import { Loaded } from "./version_page.js"
 */

const root = new URL(".", document.baseURI).href;
const pristine = present().cloneNode(true);
/** @type {{ choice: Choice | null, page: VersionPage | TensorPage } | null} */
let shown = null;

installTheme(part("theme"));
try {
  await open(await new Api(root).models());
} catch (error) {
  showFailure(/** @type {Error} */ (error));
  throw error;
}

/** @param {Models} models */
function open(models) {
  const versions = new Versions(models, readChoice());
  const opening = new RequestQueue(
    load,
    (loaded, choice) => show(loaded, choice, versions),
    (error) => {
      showFailure(error);
      if (shown) versions.show(shown.choice);
    },
  );
  versions.addEventListener("change", () => opening.want(versions.choice));
  opening.want(readChoice());
}

/** The data with which the panels of a version start. @param {Choice | null} choice */
async function load(choice) {
  const api = new Api(root).of(choice);
  const [model, state, service] = await Promise.all([api.model(), api.state(), api.service()]);
  const tabular = "features" in model.card;
  if (!tabular) model.card = cardOf(model);
  const names = tabular ? ["hidden.weight", "output.weight"] : [];
  const weights = await Promise.all(names.map((name) => api.tensor(name)));
  return { api, tabular, model, state, service, weights };
}

/** The card of any model, with the fields of a tabular classifier's card. @param {Model} model @returns {Card} */
function cardOf(model) {
  const unknown = { split: null, metrics: null, calibration: null, mahalanobis: null, training_rows: null };
  return { ...unknown, features: [], classes: classesOf(model), dataset: null };
}

/**
 * Replace the panels of another version, and keep the choices made there.
 * @param {Loaded & { api: Api, tabular: boolean }} loaded
 * @param {Choice | null} choice
 * @param {Versions} versions
 */
function show({ api, tabular, ...loaded }, choice, versions) {
  const others = versions.versionsOf(loaded.model.name);
  const before = shown?.page;
  before?.close();
  const old = before && replaceMain();
  arrange(tabular);
  const page = tabular
    ? new VersionPage(api, loaded, others, before?.instance.toJSON() ?? readInput())
    : new TensorPage(api, loaded, others);
  shown = { choice, page };
  if (before && old) {
    takeOver(old, present());
    page.batch?.open(before.batch?.file ?? null);
    writeAddress(page.instance, choice);
  }
  keepInAddress(page.instance, choice);
}

/** Leave out the panels that know only tabular classifiers, or show them. @param {boolean} tabular */
function arrange(tabular) {
  for (const id of ["map", "network", "explanation", "batch", "code"]) reveal(id, tabular);
  for (const id of ["curves", "sliders", "slider-buttons"]) part(id).hidden = !tabular;
  for (const id of ["json", "json-more"]) part(id).hidden = tabular;
  reveal("layers", !tabular);
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
