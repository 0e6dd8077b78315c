/** What the model does, and examples to try. */

import { element, part, select } from "../draw/element.js";
import { purposeOf } from "../model/purpose.js";

/** @import { Model } from "../data/answers.js" */

/** @param {Model} model @param {{ name: string }[]} examples @param {(place: number) => void} choose */
export function showGuide(model, examples, choose) {
  part("purpose").textContent = purposeOf(model);
  const list = select("examples");
  part("examples-offer").hidden = !examples.length;
  const options = examples.map(({ name }, place) => element("option", { value: place }, name));
  list.replaceChildren(element("option", { value: "" }, "choose …"), ...options);
  list.addEventListener("change", () => {
    if (list.value) choose(Number(list.value));
    list.value = "";
  });
}
