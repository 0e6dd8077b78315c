/** Set the controls in the panels of one version as in those of another. */

const BOXES = "input[type=radio][id], input[type=checkbox][id]";

/**
 * Choose in `fresh` the same as in `old`, if it exists.
 * @param {Element} old
 * @param {Element} fresh
 */
export function takeOver(old, fresh) {
  for (const select of fresh.querySelectorAll("select")) {
    if (isChoice(select) && choose(select, old.querySelector(`select#${select.id}`))) announce(select);
  }
  for (const box of /** @type {NodeListOf<HTMLInputElement>} */ (fresh.querySelectorAll(BOXES))) {
    const before = /** @type {HTMLInputElement | null} */ (old.querySelector(`#${box.id}`));
    if (!isChoice(box) || !before || box.checked === before.checked) continue;
    box.checked = before.checked;
    announce(box);
  }
  const pressed = old.querySelector("#tensors [aria-pressed=true] .name")?.textContent;
  const names = [...fresh.querySelectorAll("#tensors .name")];
  names
    .find((name) => name.textContent === pressed)
    ?.closest("button")
    ?.click();
}

/** The values of the input, also those of an example, are taken over by name, not by the controls. @param {Element} control */
function isChoice(control) {
  return control.id && !control.closest("#sliders, #guide");
}

/**
 * Choose the option with the same text. Returns whether it changed.
 * @param {HTMLSelectElement} select
 * @param {HTMLSelectElement | null} before
 */
function choose(select, before) {
  const text = before?.selectedOptions[0]?.text;
  const option = [...select.options].find((each) => each.text === text);
  if (!option || option.selected) return false;
  option.selected = true;
  return true;
}

/** @param {Element} control */
function announce(control) {
  control.dispatchEvent(new Event("change", { bubbles: true }));
}
