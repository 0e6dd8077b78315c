/** The pixels of a picture that mattered for the answer, as the service draws them. */

import { Problem } from "../../data/api.js";
import { RequestQueue, sparing } from "../../data/request_queue.js";
import { instanceOf, part, partOf, withCode } from "../../draw/element.js";

/** @import { Card } from "../../data/answers.js" */
/** @import { Api } from "../../data/api.js" */

export class HeatmapView {
  #wanted = partOf(HTMLInputElement, "picture-explain");
  #canvas = partOf(HTMLCanvasElement, "picture-heatmap");
  #note = part("picture-heat");
  #meaning;
  #asking;
  /** @type {Blob | null} */
  #picture = null;

  /** @param {Api} api @param {Card} card @param {(error: Error) => void} fail  Gets what is no refusal to explain. */
  constructor(api, card, fail) {
    this.#meaning = `Right: as the model gets it. ${meaningFor(card)}`;
    this.#asking = new RequestQueue(
      sparing((/** @type {Blob} */ picture) => api.heatmap(picture)),
      (heatmap, picture) => this.#shows(picture) && this.#draw(heatmap),
      (error, picture) => {
        if (!this.#shows(picture)) return;
        if (error instanceof Problem) this.#refuse(error);
        else {
          this.#hide();
          fail(error);
        }
      },
    );
    this.#wanted.addEventListener("change", () => this.show(this.#picture));
  }

  /** Explain the answer to a picture, if that is wanted. @param {Blob | null} picture */
  show(picture) {
    this.#picture = picture;
    if (!picture || !this.#wanted.checked) {
      this.#hide();
      return;
    }
    this.#asking.want(picture);
    // The first takes seconds.
    if (this.#canvas.hidden) this.#say(["Computing what mattered …"]);
  }

  /** Ask once more: the service was away. */
  askAgain() {
    this.show(this.#picture);
  }

  /** Whether what is found for this picture is still wanted. @param {Blob} picture */
  #shows(picture) {
    return picture === this.#picture && this.#wanted.checked;
  }

  /** @param {ImageBitmap} heatmap */
  #draw(heatmap) {
    Object.assign(this.#canvas, { width: heatmap.width, height: heatmap.height });
    instanceOf(CanvasRenderingContext2D, this.#canvas.getContext("2d")).drawImage(heatmap, 0, 0);
    this.#canvas.hidden = false;
    this.#canvas.style.visibility = "visible";
    this.#say([this.#meaning]);
  }

  /** The answer stays: only its explanation is refused. @param {Error} error */
  #refuse(error) {
    this.#canvas.style.visibility = "hidden";
    this.#say(["No explanation: ", ...withCode(error.message)], true);
  }

  #hide() {
    // The canvas keeps its room: beside it the pad would change its size under the pen.
    this.#canvas.hidden = !this.#wanted.checked;
    this.#canvas.style.visibility = "hidden";
    this.#note.hidden = true;
  }

  /** @param {(string | Node)[]} pieces */
  #say(pieces, refused = false) {
    this.#note.replaceChildren(...pieces);
    this.#note.classList.toggle("outside", refused);
    this.#note.hidden = false;
  }
}

/** What the colours say of the answer. @param {Card} card */
function meaningFor({ classes, output, target }) {
  if (classes.length) return "Blue pixels speak for the class, red ones against it.";
  const one = output?.shape.slice(1).every((length) => length === 1);
  return `Blue pixels raise ${one ? "" : "the highest value of "}${target ?? output?.name}, red ones lower it.`;
}
