/** The form that takes an API key, where the service asks for one. */

import { keepKey } from "../data/credentials.js";
import { instanceOf, partOf } from "../draw/element.js";

/** Show the form; a key that is given reloads the page. */
export function askForKey() {
  const form = partOf(HTMLFormElement, "key");
  const field = instanceOf(HTMLInputElement, form.querySelector("[name=key]"));
  form.hidden = false;
  // May be asked for again: one listener will do.
  form.onsubmit = (event) => {
    event.preventDefault();
    keepKey(field.value.trim());
    location.reload();
  };
  field.focus();
}
