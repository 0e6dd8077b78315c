/** The modules of a state as a tree that asks for a module's contents when it is opened. */

import { element } from "../../draw/element.js";
import { countText, outlineOf, pathOf } from "../../model/module_tree.js";

/**
 * @import { Outlined, StateBranch, TreeNode } from "../../data/answers.js"
 * @import { Api } from "../../data/api.js"
 */
/** @typedef {{ leaf: (entry: Outlined) => Element, links: (path: string) => (Node | string)[] }} Parts */

/** Modules are open at first if all tensors together are so few. */
const MOST_OPEN = 60;

export class StateTree {
  #api;
  #parts;
  #open;
  /** What opens a module, by its path; resolved when its contents are there. @type {Map<string, () => Promise<void>>} */
  #modules = new Map();
  /** The tensors that were sent, by name. @type {Map<string, Outlined>} */
  known = new Map();

  /** @param {Api} api @param {StateBranch} whole @param {Parts} parts */
  constructor(api, whole, parts) {
    this.#api = api;
    this.#parts = parts;
    this.#open = whole.totals.entries <= MOST_OPEN;
    this.root = element("div", {}, ...this.#page("", whole));
  }

  /** Open the modules around a tensor. Raises the errors of Api. @param {string} name */
  async reveal(name) {
    for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) {
      await this.#modules.get(name.slice(0, dot))?.();
    }
  }

  /** The first matrix of parameters, or the first tensor; modules are opened until one is known. @returns {Promise<Outlined | undefined>} */
  async first() {
    for (const open of this.#modules.values()) {
      if (this.known.size) break;
      await open();
    }
    const known = [...this.known.values()];
    return known.find(({ kind, shape }) => kind === "parameter" && shape.length > 1) ?? known[0];
  }

  /** Children of a module, and a button for those after them. @param {string} path @param {StateBranch} page */
  #page(path, { tree, next }) {
    this.#remember(path, tree.children);
    const found = this.#inside(path, tree.children);
    if (!next) return found;
    const offset = Number(new URL(next, this.#api.base).searchParams.get("offset"));
    const button = element("button", { type: "button", class: "quiet" }, "More");
    button.addEventListener("click", async () => {
      button.disabled = true;
      button.replaceWith(...(await this.#ask(path, offset)));
    });
    return [...found, button];
  }

  /** @param {string} path @param {number} offset @returns {Promise<Element[]>} */
  async #ask(path, offset = 0) {
    try {
      return this.#page(path, await this.#api.branch(path, offset));
    } catch (error) {
      return [element("p", { role: "alert" }, /** @type {Error} */ (error).message)];
    }
  }

  /** @param {string} path @param {TreeNode[]} children @returns {Element[]} */
  #inside(path, children) {
    return children.map((child) => {
      const name = pathOf(path, child);
      return child.shape === null ? this.#module(child, name) : this.#parts.leaf(outlineOf(child, name));
    });
  }

  /** @param {string} path @param {TreeNode[]} children */
  #remember(path, children) {
    for (const child of children) {
      const name = pathOf(path, child);
      if (child.shape === null) this.#remember(name, child.children);
      else this.known.set(name, outlineOf(child, name));
    }
  }

  /** @param {TreeNode} module @param {string} path */
  #module({ name, kinds, children }, path) {
    const counts = element("span", { class: "note" }, countText(kinds));
    const summary = element("summary", {}, element("span", { class: "module" }, name), " ", counts);
    const links = element("p", { class: "note" }, ...this.#parts.links(path));
    const details = element("details", { class: "branch" }, summary, links);
    /** @type {Promise<void> | null} */
    let filled = null;
    const fill = async () => links.before(...(children.length ? this.#inside(path, children) : await this.#ask(path)));
    const open = () => {
      filled ??= fill();
      details.open = true;
      return filled;
    };
    details.addEventListener("toggle", () => details.open && open());
    this.#modules.set(path, open);
    if (this.#open) open();
    return details;
  }
}
