/** What the model does, and examples to try. */

import { element, part, select } from "../draw/element.js";
import { purposeOf } from "../model/purpose.js";

/** @import { Model } from "../data/answers.js" */

/** Returns what forgets the chosen example, once the input is another. @param {Model} model @param {{ name: string }[]} examples @param {(place: number) => void | Promise<void>} choose */
export function showGuide(model, examples, choose) {
  part("purpose").textContent = purposeOf(model);
  const list = select("examples");
  part("examples-offer").hidden = !examples.length;
  const options = examples.map(({ name }, place) => element("option", { value: place }, name));
  list.replaceChildren(element("option", { value: "" }, "choose …"), ...options);
  list.addEventListener("change", async () => {
    const chosen = list.value;
    if (!chosen) return;
    await choose(Number(chosen));
    list.value = chosen;
  });
  return () => {
    list.value = "";
  };
}
