/** The code for the same request from a shell, from Python and from JavaScript. */

import { withQuery } from "../data/api.js";
import { credentials } from "../data/credentials.js";
import { element, part, partOf } from "../draw/element.js";
import { whenInView } from "../draw/in_view.js";

/**
 * @import { Model } from "../data/answers.js"
 * @import { Api, Query } from "../data/api.js"
 */
/**
 * The address of the model, and the body of /predict: a value of JSON, or a file of the folder. `keyed` if
 * the service needs a key, `classified` if the answer is a class alone.
 * @typedef {{ base: string, instance: any, query?: Query, keyed?: boolean, classified?: boolean }} Request
 * @typedef {(request: Request) => string} Write
 */

/** Linux refuses an argument of more than 128 KiB. */
const LONGEST_ARGUMENT = 100_000;
/** The variable that the commands of the service read, too. */
const KEY = "STATESERVE_KEY";

export class Snippets {
  /** Write the code for the present input. */
  show = () => {};

  /**
   * @param {Api} api
   * @param {Model} model
   * @param {() => any} instance  The body of /predict, a value of JSON or a File.
   * @param {() => Query} query
   * @param {EventTarget[]} changing  Each dispatches "change" when they change.
   */
  constructor(api, { card, signature }, instance, query, changing) {
    const snippets = [new Snippet("Shell", curl), new Snippet("Python", python), new Snippet("JavaScript", javascript)];
    part("snippets").replaceChildren(...snippets.map((snippet) => snippet.root));
    const keyed = Boolean(credentials().Authorization);
    const classified = card.classes.length > 0 && signature.outputs.length === 1;
    part("snippets-key").hidden = !keyed;
    // Out of view, the texts are those of an earlier input until none has followed for a while.
    const busy = (/** @type {boolean} */ waits) => part("snippets").setAttribute("aria-busy", String(waits));
    this.show = () => {
      const body = instance();
      offerFile(body);
      const request = { base: api.base, instance: body, query: query(), keyed, classified };
      for (const snippet of snippets) snippet.show(request);
      busy(false);
    };
    const soon = whenInView(part("code"));
    for (const each of changing)
      each.addEventListener("change", () => {
        busy(true);
        soon(this.show);
      });
    this.show();
  }
}

/** A link to the file that the code reads. @param {any} body */
function offerFile(body) {
  const link = partOf(HTMLAnchorElement, "snippets-picture");
  part("snippets-file").hidden = !(body instanceof File);
  URL.revokeObjectURL(link.href);
  if (!(body instanceof File)) return;
  link.href = URL.createObjectURL(body);
  link.textContent = body.name;
  link.download = body.name;
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

  /** @param {Request} request */
  show(request) {
    this.#code.textContent = this.#write(request);
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

/** For a POSIX shell. @type {Write} */
export function curl({ base, instance, query = {}, keyed = false }) {
  const body = instance instanceof File ? "" : JSON.stringify(instance);
  const long = body.length > LONGEST_ARGUMENT;
  const data = instance instanceof File ? `--data-binary @${instance.name}` : `-d ${quoted(body)}`;
  const lines = [
    `curl -s ${quoted(withQuery(`${base}predict`, query))}`,
    ...(keyed ? [`-H "Authorization: Bearer $${KEY}"`] : []),
    `-H ${quoted(`Content-Type: ${typeOf(instance)}`)}`,
    long ? `--data-binary @- <<'END'\n${body}\nEND` : data,
  ];
  return `${lines.join(" \\\n  ")}\n`;
}

/** Within single quotes, only the single quote is special. @param {string} text */
function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** @type {Write} */
export function python({ base, instance, query = {}, keyed = false, classified = false }) {
  const details = Object.keys(query).map((name) => `, ${name}=True`);
  // The client takes several instances as a list.
  const several = instance?.instances ?? (Array.isArray(instance) ? instance : null);
  const body = instance instanceof File ? JSON.stringify(instance.name) : inLines(several ?? instance, literal);
  const shown = `print(${classified ? "answer.label, answer.probabilities" : "answer.outputs"}${query.out_of_distribution ? ", answer.novelty" : ""})`;
  return `${keyed ? "import os\n\n" : ""}from stateserve.client import Client

with Client(${JSON.stringify(base.replace(/\/$/, ""))}${keyed ? `, key=os.environ["${KEY}"]` : ""}) as client:
    answer${several ? "s" : ""} = client.predict(${body}${details.join("")})

${several ? `for answer in answers:\n    ${shown}` : shown}
`;
}

/** For Node.js 18 or later. @type {Write} */
export function javascript({ base, instance, query = {}, keyed = false }) {
  const key = keyed ? `, Authorization: \`Bearer \${process.env.${KEY}}\`` : "";
  const headers = `{ "Content-Type": "${typeOf(instance)}", Accept: "application/json"${key} }`;
  const url = withQuery(`${base}predict`, query);
  const asked =
    instance instanceof File
      ? `import("node:fs/promises")
  .then(({ readFile }) => readFile("${instance.name}"))
  .then((body) => fetch("${url}", { method: "POST", headers: ${headers}, body }))`
      : `fetch("${url}", {
  method: "POST",
  headers: ${headers},
  body: JSON.stringify(${inLines(instance, JSON.stringify, "  ")}),
})`;
  return `${asked}
  .then((response) => response.json())
  .then((answer) => console.log(JSON.stringify(answer)));
`;
}

/** @param {any} instance */
function typeOf(instance) {
  return instance instanceof File ? instance.type : "application/json";
}

/** An instance with a line for each input or feature. @param {any} instance @param {(value: unknown) => string} write */
function inLines(instance, write, indent = "    ") {
  if (Array.isArray(instance)) return write(instance);
  const lines = Object.entries(instance).map(
    ([name, value]) => `${indent}    ${JSON.stringify(name)}: ${write(value)},\n`,
  );
  return `{\n${lines.join("")}${indent}}`;
}

/** A value of JSON as a literal of Python, whose texts and numbers are JSON's, too. @param {unknown} value @returns {string} */
function literal(value) {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  return `{${Object.entries(/** @type {object} */ (value))
    .map(([name, each]) => `${JSON.stringify(name)}: ${literal(each)}`)
    .join(", ")}}`;
}
