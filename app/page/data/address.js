/** The input and the chosen version in the page's address, so that a link contains them. */

/** @import { Choice, Input } from "./api.js" */
/** @typedef {EventTarget & { toJSON(): Input }} Source */

const LONGEST = 2000;
const PAUSE_MILLISECONDS = 300;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let waiting;

/** The input that the address gives. @returns {Input} */
export function readInput() {
  const given = [...new URLSearchParams(location.search)].filter(([key]) => !["model", "version"].includes(key));
  const numbers = given.map(([key, text]) => [readName(key), text.trim() ? Number(text) : NaN]);
  return Object.fromEntries(numbers.filter(([, number]) => Number.isFinite(number)));
}

/** The version that the address names, or null: the service's default. @returns {Choice | null} */
export function readChoice() {
  const given = new URLSearchParams(location.search);
  const [model, version] = [given.get("model"), given.get("version")];
  return model && version ? { model, version } : null;
}

/** @param {Source} instance @param {Choice | null} choice */
export function writeAddress(instance, choice) {
  clearTimeout(waiting);
  const input = Object.entries(instance.toJSON()).map(([name, value]) => [escapeName(name), String(value)]);
  const chosen = Object.entries(choice ?? {});
  const queries = [[...chosen, ...input], chosen].map((entries) => new URLSearchParams(entries).toString());
  const query = queries.find((text) => text.length <= LONGEST);
  history.replaceState(null, "", `${query ? `?${query}` : location.pathname}${location.hash}`);
}

/** Keep the address up to date from now on. @param {Source} instance @param {Choice | null} choice */
export function keepInAddress(instance, choice) {
  instance.addEventListener("change", () => {
    // Browsers limit how often a page may change its address.
    clearTimeout(waiting);
    waiting = setTimeout(() => writeAddress(instance, choice), PAUSE_MILLISECONDS);
  });
}

/** A feature may have the name of one of the page's own parameters. @param {string} name */
function escapeName(name) {
  return /^(feature\.)*(model|version)$/.test(name) ? `feature.${name}` : name;
}

/** @param {string} key */
function readName(key) {
  return key.replace(/^feature\.(?=(feature\.)*(model|version)$)/, "");
}
