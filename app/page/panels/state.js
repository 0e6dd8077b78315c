/** The state browser: the modules and tensors of the state_dict, and one tensor beside them. */

import { readTensor, tensorAddress } from "../data/address.js";
import { RequestQueue } from "../data/request_queue.js";
import { element, part, partOf } from "../draw/element.js";
import { countText } from "../model/module_tree.js";
import { download } from "./tensor/download.js";
import { StateTree } from "./tensor/tree.js";
import { TensorView } from "./tensor/view.js";

/**
 * @import { Model, Outlined, StateBranch } from "../data/answers.js"
 * @import { Api } from "../data/api.js"
 */

const MOST_FOUND = 200;

export class StateBrowser {
  #api;
  #totals;
  #view;
  #searches;
  #tree;
  #wanted = "";

  /** @param {Api} api @param {Model} model @param {StateBranch} state @param {string[]} versions */
  constructor(api, model, state, versions) {
    const { totals } = state;
    this.#api = api;
    this.#totals = totals;
    this.#view = new TensorView(api, model, versions);
    const { parameters: parameter, buffers: buffer } = totals;
    const counts = [countText({ parameter, buffer }), `${totals.bytes.toLocaleString("en")} bytes`];
    const tied = totals.tied ? `; ${totals.tied.toLocaleString("en")} elements more are tied to these` : "";
    const summary = `${totals.entries.toLocaleString("en")} tensors: ${counts.join(", ")}${tied}. `;
    part("state-totals").replaceChildren(summary, ...this.#downloads(""));
    this.#tree = new StateTree(api, state, {
      leaf: (entry) => this.#leaf(entry),
      links: (path) => this.#downloads(path),
    });
    this.#searches = new RequestQueue(
      (/** @type {string} */ wanted) => api.state(`*${literal(wanted)}*`, MOST_FOUND),
      (found) => this.#list(found.entries, found.totals.entries),
      () => this.#list([], 0),
    );
    const filter = partOf(HTMLInputElement, "tensors-filter");
    filter.addEventListener("input", () => this.#filter(filter.value.trim()));
    part("state").addEventListener(
      "tensor",
      (event) => event instanceof CustomEvent && this.#open(event.detail, "", true),
    );
    part("state").addEventListener("address", () => this.#follow());
    this.#filter("");
  }

  /** Show the tensor that the address names, or the first. */
  async open() {
    if (await this.#follow()) return;
    const first = await this.#tree.first();
    if (!first || this.#view.name) return;
    await this.#tree.reveal(first.name);
    this.#choose(first, "", false);
  }

  /** Returns whether the address names a tensor that there is. */
  async #follow() {
    const { tensor, slice } = readTensor();
    return tensor !== "" && this.#open(tensor, slice, false);
  }

  /** Returns whether there is such a tensor. @param {string} name @param {string} slice @param {boolean} kept */
  async #open(name, slice, kept) {
    await this.#tree.reveal(name);
    const entry = this.#tree.known.get(name) ?? (await this.#find(name));
    if (entry) this.#choose(entry, slice, kept);
    return entry !== null;
  }

  /** A tensor that the tree has not. @param {string} name */
  async #find(name) {
    if (this.#complete) return null;
    const { entries } = await this.#api.state(literal(name), 1).catch(() => ({ entries: [] }));
    return entries.find((each) => each.name === name) ?? null;
  }

  /** Whether the tree has all tensors. */
  get #complete() {
    return this.#tree.known.size === this.#totals.entries;
  }

  /** @param {string} wanted  A part of a name. */
  #filter(wanted) {
    this.#wanted = wanted;
    if (!wanted) this.#show([this.#tree.root], "");
    else if (!this.#complete) this.#searches.want(wanted);
    else {
      const low = wanted.toLowerCase();
      const found = [...this.#tree.known.values()].filter(({ name }) => name.toLowerCase().includes(low));
      this.#list(found.slice(0, MOST_FOUND), found.length);
    }
  }

  /** @param {Outlined[]} entries @param {number} count */
  #list(entries, count) {
    if (!this.#wanted) return;
    const all = this.#totals.entries.toLocaleString("en");
    const first = count > entries.length ? `; the first ${entries.length} are shown` : "";
    this.#show(
      entries.map((entry) => this.#leaf(entry)),
      `${count.toLocaleString("en")} of ${all} tensors${first}`,
    );
  }

  /** @param {Element[]} shown @param {string} count */
  #show(shown, count) {
    part("tensors").replaceChildren(...shown);
    part("tensors-count").textContent = count;
    this.#press();
  }

  /** @param {Outlined} entry */
  #leaf(entry) {
    const { name, kind, shape, dtype } = entry;
    const cut = name.lastIndexOf(".") + 1;
    const text = `${kind}, ${shape.join(" × ") || "a number"}, ${dtype}`;
    const button = element(
      "button",
      { type: "button", name },
      element("span", { class: "name" }, element("span", { class: "above" }, name.slice(0, cut)), name.slice(cut)),
      element("span", { class: "note" }, text),
    );
    // A switch of the version presses it by script.
    button.addEventListener("click", ({ isTrusted }) => this.#choose(entry, "", isTrusted));
    this.#mark(button);
    return button;
  }

  /** @param {Outlined} entry @param {string} slice @param {boolean} kept  Whether the address is to name it: the user chose it. */
  #choose(entry, slice, kept) {
    const before = this.#view.name;
    const keep = (/** @type {string} */ chosen) => {
      const now = readTensor();
      if (now.tensor === entry.name && now.slice === chosen) return;
      // So that Back returns also to the first, which is in no address.
      if (!now.tensor && before) history.replaceState({ tensor: before }, "");
      history.pushState(null, "", tensorAddress(entry.name, chosen));
    };
    this.#view.show(entry, slice, keep, kept);
    this.#press();
  }

  /** Mark the button of the tensor that is shown. */
  #press() {
    for (const button of part("tensors").querySelectorAll("button")) this.#mark(button);
  }

  /** @param {HTMLButtonElement} button */
  #mark(button) {
    if (button.name) button.setAttribute("aria-pressed", String(button.name === this.#view.name));
  }

  /** Links to files of all tensors below a module, or of the state. @param {string} path */
  #downloads(path) {
    const query = path && `?${new URLSearchParams({ only: path })}`;
    const [pth, safetensors] = [".pth", ".safetensors"].map((suffix) => {
      const link = download(this.#api, `state${suffix}${query}`, suffix);
      link.setAttribute("aria-label", `${path || "the state"}, ${suffix}`);
      return link;
    });
    return ["Download ", pth, " ", safetensors];
  }
}

/** The pattern of this text itself. @param {string} text */
function literal(text) {
  return text.replace(/[[\]*?]/g, "[$&]");
}
