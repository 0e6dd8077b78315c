/** Assembly: the service's models become a page, one version at a time. */

import { keepInAddress, readChoice, readInput, writeAddress } from "./address.js";
import { Api } from "./api.js";
import { takeOver } from "./choices.js";
import { part } from "./element.js";
import { Latest } from "./latest.js";
import { Switch } from "./switch.js";
import { installTheme } from "./theme.js";
import { tellFailure, Views } from "./views.js";

const root = new URL(".", document.baseURI).href;
const pristine = document.querySelector("main").cloneNode(true);
let versions = null;
let shown = null;

installTheme(part("theme"));
try {
  await open();
} catch (error) {
  tellFailure(error);
  throw error;
}

async function open() {
  versions = new Switch(await new Api(root).models(), readChoice());
  const opening = new Latest(load, show, (error) => {
    tellFailure(error);
    if (shown) versions.show(shown.choice);
  });
  versions.addEventListener("change", () => opening.want(versions.choice));
  opening.want(readChoice());
}

/** All that the panels of a version start with. */
async function load(choice) {
  const api = new Api(root).of(choice);
  const [model, state, service] = await Promise.all([api.model(), api.state(), api.service()]);
  const weights = await Promise.all(["hidden.weight", "output.weight"].map((name) => api.tensor(name)));
  return { api, model, state, service, weights };
}

/** The panels of a version in the place of those of another, with what was chosen there. */
function show({ api, ...loaded }, choice) {
  const others = versions.versionsOf(loaded.model.name);
  if (!shown) {
    shown = { choice, views: new Views(api, loaded, others, readInput()) };
  } else {
    const before = shown.views;
    before.close();
    const old = replaceMain();
    shown = { choice, views: new Views(api, loaded, others, before.instance.toJSON()) };
    takeOver(old, document.querySelector("main"));
    shown.views.batch.open(before.batch.file);
    writeAddress(shown.views.instance, choice);
  }
  keepInAddress(shown.views.instance, choice);
}

/** Fresh panels, and the reader still where they were. Returns the old ones. */
function replaceMain() {
  const [old, fresh] = [document.querySelector("main"), pristine.cloneNode(true)];
  const { scrollY } = window;
  fresh.style.minHeight = `${old.offsetHeight}px`;
  old.replaceWith(fresh);
  scrollTo({ top: scrollY, behavior: "instant" });
  return old;
}
