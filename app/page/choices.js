/** What somebody chose in the panels of one version, taken over to those of another. */

const CONTROLS = "select[id], input[type=radio][id], input[type=checkbox][id]";

/** Choose in `fresh` what is chosen in `old`, where there is such a thing. */
export function takeOver(old, fresh) {
  for (const control of fresh.querySelectorAll(CONTROLS)) {
    const before = old.querySelector(`#${control.id}`);
    if (choose(control, before)) control.dispatchEvent(new Event("change", { bubbles: true }));
  }
  const pressed = old.querySelector("#tensors [aria-pressed=true] .name")?.textContent;
  const names = [...fresh.querySelectorAll("#tensors .name")];
  names.find((name) => name.textContent === pressed)?.closest("button").click();
}

/** Whether that was a change. */
function choose(control, before) {
  if (control.type !== "select-one") {
    const changed = control.checked !== before.checked;
    control.checked = before.checked;
    return changed;
  }
  const text = before.selectedOptions[0]?.text;
  const option = [...control.options].find((each) => each.text === text);
  if (!option || option.selected) return false;
  option.selected = true;
  return true;
}
