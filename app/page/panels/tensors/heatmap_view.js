/** The pixels of a picture that mattered for the answer, as the service draws them. */

import { RequestQueue, sparing } from "../../data/request_queue.js";
import { instanceOf, part, partOf } from "../../draw/element.js";

/** @import { Api } from "../../data/api.js" */

export class HeatmapView {
  #wanted = partOf(HTMLInputElement, "picture-explain");
  #canvas = partOf(HTMLCanvasElement, "picture-heatmap");
  #asking;
  #note = part("picture-heat").textContent;
  /** @type {Blob | null} */
  #picture = null;

  /** @param {Api} api @param {(error: Error) => void} fail */
  constructor(api, fail) {
    this.#asking = new RequestQueue(
      sparing((/** @type {Blob} */ picture) => api.heatmap(picture)),
      (heatmap, picture) => picture === this.#picture && this.#draw(heatmap),
      fail,
    );
    this.#wanted.addEventListener("change", () => this.show(this.#picture));
  }

  /** Explain the answer to a picture, if that is wanted. @param {Blob | null} picture */
  show(picture) {
    this.#picture = picture;
    const asked = picture !== null && this.#wanted.checked;
    if (asked) this.#asking.want(picture);
    else this.#reveal(false);
    if (!asked || !this.#canvas.hidden) return;
    // The first takes seconds.
    part("picture-heat").textContent = "Computing what mattered …";
    part("picture-heat").hidden = false;
  }

  /** @param {ImageBitmap} heatmap */
  #draw(heatmap) {
    Object.assign(this.#canvas, { width: heatmap.width, height: heatmap.height });
    instanceOf(CanvasRenderingContext2D, this.#canvas.getContext("2d")).drawImage(heatmap, 0, 0);
    this.#reveal(true);
  }

  /** @param {boolean} shown */
  #reveal(shown) {
    // The canvas keeps its room: beside it the pad would change its size under the pen.
    this.#canvas.hidden = !this.#wanted.checked;
    part("picture-heat").textContent = this.#note;
    this.#canvas.style.visibility = shown ? "visible" : "hidden";
    part("picture-heat").hidden = !shown;
  }
}
