/** The input and the chosen version in the page's own address, so that a link brings them back. */

const LONGEST = 2000;
const PAUSE_MILLISECONDS = 300;
let waiting;

/** The input that the address gives, {feature: number}. */
export function readInput() {
  const given = [...new URLSearchParams(location.search)].filter(([key]) => !["model", "version"].includes(key));
  const numbers = given.map(([key, text]) => [unescape(key), text.trim() ? Number(text) : NaN]);
  return Object.fromEntries(numbers.filter(([, number]) => Number.isFinite(number)));
}

/** {model, version} that the address names, or null: the service's default. */
export function readChoice() {
  const given = new URLSearchParams(location.search);
  const [model, version] = [given.get("model"), given.get("version")];
  return model && version ? { model, version } : null;
}

export function writeAddress(instance, choice) {
  clearTimeout(waiting);
  const input = Object.entries(instance.toJSON()).map(([name, value]) => [escape(name), value]);
  const chosen = Object.entries(choice ?? {});
  const queries = [[...chosen, ...input], chosen].map((entries) => new URLSearchParams(entries).toString());
  const query = queries.find((text) => text.length <= LONGEST);
  history.replaceState(null, "", `${query ? `?${query}` : location.pathname}${location.hash}`);
}

/** Keep the address up to date from now on. */
export function keepInAddress(instance, choice) {
  instance.addEventListener("change", () => {
    // Browsers refuse a page that rewrites its address all the time.
    clearTimeout(waiting);
    waiting = setTimeout(() => writeAddress(instance, choice), PAUSE_MILLISECONDS);
  });
}

/** A feature may bear the name of what the page itself writes there. */
function escape(name) {
  return /^(feature\.)*(model|version)$/.test(name) ? `feature.${name}` : name;
}

function unescape(key) {
  return key.replace(/^feature\.(?=(feature\.)*(model|version)$)/, "");
}
