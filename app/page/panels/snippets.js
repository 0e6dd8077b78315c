/** The code for the same request from a shell and from Python. */

import { withQuery } from "../data/api.js";
import { element, part } from "../draw/element.js";

/**
 * @import { Api, Input, Query } from "../data/api.js"
 * @import { Instance } from "../model/instance.js"
 * @import { Details } from "./details.js"
 */
/** @typedef {(base: string, instance: Input, query?: Query) => string} Write */

export class Snippets {
  /** @param {Api} api @param {Instance} instance @param {Details} details */
  constructor(api, instance, details) {
    const snippets = [new Snippet("Shell", curl), new Snippet("Python", python)];
    part("snippets").replaceChildren(...snippets.map((snippet) => snippet.root));
    const show = () => snippets.forEach((snippet) => snippet.show(api.base, instance.toJSON(), details.query));
    for (const changing of [instance, details]) changing.addEventListener("change", show);
    show();
  }
}

class Snippet {
  #write;
  #code = element("code");

  /** @param {string} title @param {Write} write */
  constructor(title, write) {
    this.#write = write;
    const text = element("pre", { tabindex: 0, role: "region", "aria-label": `${title} code` }, this.#code);
    const head = element("div", { class: "snippet" }, element("h3", {}, title));
    // Browsers allow access to the clipboard only over HTTPS or on localhost.
    if (navigator.clipboard) head.append(this.#copyButton(title));
    this.root = element("div", {}, head, text);
  }

  /** @param {Parameters<Write>} request */
  show(...request) {
    this.#code.textContent = this.#write(...request);
  }

  /** @param {string} title */
  #copyButton(title) {
    const button = element("button", { type: "button", "aria-label": `Copy the ${title} code` }, "Copy");
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(this.#code.textContent ?? "");
      button.textContent = "Copied";
      setTimeout(() => button.replaceChildren("Copy"), 1500);
    });
    return button;
  }
}

/** For a POSIX shell: within single quotes, only the single quote is special. @type {Write} */
export function curl(base, instance, query = {}) {
  const body = JSON.stringify(instance).replaceAll("'", `'\\''`);
  return `curl -s '${withQuery(`${base}predict`, query)}' \\\n  -H 'Content-Type: application/json' \\\n  -d '${body}'\n`;
}

/** JSON's strings and numbers are Python's, too. @type {Write} */
export function python(base, instance, query = {}) {
  const details = Object.keys(query).map((name) => `, ${name}=True`);
  const shown = ["answer.label", "answer.probabilities", ...(query.out_of_distribution ? ["answer.novelty"] : [])];
  const lines = Object.entries(instance).map(([name, value]) => `    ${JSON.stringify(name)}: ${value},\n`);
  return `from stateserve.client import Client

with Client("${base.replace(/\/$/, "")}") as client:
    answer = client.predict({
${lines.map((line) => `    ${line}`).join("")}    }${details.join("")})

print(${shown.join(", ")})
`;
}
