/** The form for an API key, if the service needs one. */

import { keepKey } from "../data/credentials.js";
import { instanceOf, partOf } from "../draw/element.js";

/** Show the form; submitting a key reloads the page. */
export function askForKey() {
  const form = partOf(HTMLFormElement, "key");
  const field = instanceOf(HTMLInputElement, form.querySelector("[name=key]"));
  form.hidden = false;
  // May be called again: add the listener only once.
  form.onsubmit = (event) => {
    event.preventDefault();
    keepKey(field.value.trim());
    location.reload();
  };
  field.focus();
}
