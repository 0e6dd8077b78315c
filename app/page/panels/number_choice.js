/** The choice of one of several numbers of an answer; hidden where there is one. */

import { element, select } from "../draw/element.js";

/** @import { AnsweredNumber } from "../model/answered_number.js" */

/**
 * @param {string} id  Of the list.
 * @param {AnsweredNumber[]} numbers
 * @param {(number: AnsweredNumber) => void} use  Called with each that is chosen.
 */
export function offerNumbers(id, numbers, use) {
  const list = select(id);
  list.replaceChildren(...numbers.map(({ name }, value) => element("option", { value }, name)));
  const label = list.closest("label");
  if (label) label.hidden = numbers.length < 2;
  list.addEventListener("change", () => use(numbers[Number(list.value)]));
}
