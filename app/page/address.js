/** The input in the page's own address, so that a link or a reload brings it back. */

const LONGEST = 2000;
const PAUSE_MILLISECONDS = 300;

/** Take over what the address says of each feature, and keep it up to date from now on. */
export function keepInAddress(instance) {
  const given = new URLSearchParams(location.search);
  instance.replace(instance.features.map(({ name, example }) => readNumber(given.get(name)) ?? example));
  let waiting;
  instance.addEventListener("change", () => {
    // Browsers refuse a page that rewrites its address all the time.
    clearTimeout(waiting);
    waiting = setTimeout(() => write(instance), PAUSE_MILLISECONDS);
  });
}

function readNumber(text) {
  return text?.trim() && Number.isFinite(Number(text)) ? Number(text) : null;
}

function write(instance) {
  const query = new URLSearchParams(Object.entries(instance.toJSON())).toString();
  if (query.length <= LONGEST) history.replaceState(null, "", `?${query}${location.hash}`);
}
