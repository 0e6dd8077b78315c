/** The input and the chosen version in the page's address, so that a link contains them. */

/** @import { Models } from "./answers.js" */
/** @import { Choice, Input } from "./api.js" */
/** @typedef {EventTarget & { toJSON(): Input }} Source */

const LONGEST = 2000;
const PAUSE_MILLISECONDS = 300;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let waiting;
// An input that has not been written belongs to the entry that was left.
addEventListener("popstate", () => clearTimeout(waiting));

/** The input that the address gives, as texts. @returns {Input} */
export function readInput() {
  const given = [...new URLSearchParams(location.search)].filter(([key]) => !["model", "version"].includes(key));
  return Object.fromEntries(given.map(([key, text]) => [readName(key), text]));
}

/**
 * The version that the address names, or null: the service's default. A model without a version is
 * its default version, a version without a model that of the default model.
 * @param {Models} models
 * @returns {Choice | null}
 */
export function readChoice(models) {
  const given = new URLSearchParams(location.search);
  const model = given.get("model") ?? models.default;
  const version = given.get("version") ?? models.models.find(({ name }) => name === model)?.default_version;
  return given.has("model") || given.has("version") ? { model, version: version ?? "1" } : null;
}

/** The tensor and the slice that the address names, or its entry in the history. @returns {{ tensor: string, slice: string }} */
export function readTensor() {
  const given = new URLSearchParams(location.hash.replace(/^#[^?]*\??/, ""));
  return { tensor: given.get("tensor") ?? history.state?.tensor ?? "", slice: given.get("slice") ?? "" };
}

/** The address of a tensor in the state browser. @param {string} tensor @param {string} slice */
export function tensorAddress(tensor, slice) {
  const query = new URLSearchParams({ tensor, ...(slice && { slice }) });
  return `${location.pathname}${location.search}#state?${query}`;
}

/** What is written from now on has an entry of its own in the history, after that of this input. @param {Source} instance @param {Choice | null} choice */
export function beginEntry(instance, choice) {
  writeAddress(instance, choice);
  history.pushState(history.state, "");
}

/** @param {Source} instance @param {Choice | null} choice */
export function writeAddress(instance, choice) {
  clearTimeout(waiting);
  const input = Object.entries(instance.toJSON()).map(([name, value]) => [escapeName(name), String(value ?? "")]);
  const chosen = Object.entries(choice ?? {});
  const queries = [[...chosen, ...input], chosen].map((entries) => new URLSearchParams(entries).toString());
  const query = queries.find((text) => text.length <= LONGEST);
  history.replaceState(history.state, "", `${query ? `?${query}` : location.pathname}${location.hash}`);
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
