/** The API key, where the service asks for one: kept for this tab, and until it is closed. */

import { part } from "./element.js";

const NAME = "api-key";

/** The request headers that show the key; none without. */
export function credentials() {
  const key = sessionStorage.getItem(NAME);
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** Have the reader give a key, and begin again with it. */
export function askForKey() {
  const form = part("key");
  form.hidden = false;
  // May be asked for again: one listener will do.
  form.onsubmit = (event) => {
    event.preventDefault();
    sessionStorage.setItem(NAME, new FormData(form).get("key").trim());
    location.reload();
  };
  form.elements.key.focus();
}
