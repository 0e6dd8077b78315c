/** Numbers with their names, as a list of definitions. */

import { element } from "./element.js";

/** `figures({ mean: "0.5" })`. @param {Record<string, string>} numbers */
export function figures(numbers) {
  const pairs = Object.entries(numbers).map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value)),
  );
  return element("dl", { class: "statistics" }, ...pairs);
}
