/** Links to files of the service, also where it needs a key. */

import { credentials } from "../../data/credentials.js";
import { element } from "../../draw/element.js";

/** @import { Api } from "../../data/api.js" */

/** @param {Api} api @param {string} path @param {string} text */
export function download(api, path, text) {
  const link = element("a", { href: new URL(path, api.base), download: true }, text);
  if (credentials().Authorization) link.addEventListener("click", (event) => save(event, api, path));
  return link;
}

/**
 * Download with the key, since the service refuses a plain link.
 * @param {Event} event
 * @param {Api} api
 * @param {string} path
 */
async function save(event, api, path) {
  event.preventDefault();
  const file = await api.file(path);
  const href = URL.createObjectURL(file);
  element("a", { href, download: file.name }).click();
  URL.revokeObjectURL(href);
}
