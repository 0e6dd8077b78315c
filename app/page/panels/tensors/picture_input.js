/** A picture as the input: from a file, dropped, pasted, or drawn on a pad. */

import { instanceOf, part, partOf } from "../../draw/element.js";

/** @import { Input, Model } from "../../data/answers.js" */

const PEN_WIDTH = 20;
const PAD = { width: 280, height: 280 };
const AS_IS = ["image/png", "image/jpeg"];
const PNG = "image/png";

/** Dispatches "predict" when there is another picture, "clear" when there is none, "refused" with the reason when a file is none. */
export class PictureInput extends EventTarget {
  #pad = partOf(HTMLCanvasElement, "picture-pad");
  #dark = partOf(HTMLInputElement, "picture-dark");
  #chooser = partOf(HTMLInputElement, "picture-file");
  #context = instanceOf(CanvasRenderingContext2D, this.#pad.getContext("2d", { willReadFrequently: true }));
  #size;
  /** @type {Blob | null} The file, unless it was drawn on. */
  #file = null;
  /** @type {Blob | null} */
  #example = null;
  #changes = 0;
  #empty = true;

  /** @param {Input} input  With an image. */
  constructor(input) {
    super();
    this.#size = exactSize(input);
    Object.assign(this.#pad, PAD);
    this.#clear();
    this.#chooser.addEventListener("change", () => this.open(this.#chooser.files?.[0]));
    part("picture-clear").addEventListener("click", () => this.#clear());
    this.#dark.addEventListener("change", () => this.#invert());
    this.#takeDropped();
    this.#takeStrokes();
  }

  /** The picture as a file that the service reads. @returns {Promise<File>} */
  async body() {
    const picture = await this.#picture();
    return new File([picture], picture.type === PNG ? "picture.png" : "picture.jpg", { type: picture.type });
  }

  /** @returns {Promise<Blob>} */
  async #picture() {
    if (this.#file && AS_IS.includes(this.#file.type)) return this.#file;
    const canvas = document.createElement("canvas");
    Object.assign(canvas, this.#size ?? PAD);
    canvas.getContext("2d")?.drawImage(this.#pad, 0, 0, canvas.width, canvas.height);
    return new Promise((resolve, reject) =>
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The browser makes no PNG."))), PNG),
    );
  }

  /** The picture stays, dark where it was light. */
  #invert() {
    if (this.#empty) {
      this.#clear();
      return;
    }
    this.#context.globalCompositeOperation = "difference";
    this.#context.fillStyle = "white";
    this.#context.fillRect(0, 0, PAD.width, PAD.height);
    this.#context.globalCompositeOperation = "source-over";
    this.#file = null;
    this.dispatchEvent(new Event("predict"));
  }

  /** Whether the picture is the example as it is. */
  get hasExample() {
    return this.#file !== null && this.#file === this.#example;
  }

  /** @param {Blob | null} next  What follows: the field goes on to name a file that was chosen in it. */
  #clear(next = null) {
    this.#changes++;
    this.#file = null;
    this.#empty = true;
    if (this.#chooser.files?.[0] !== next) this.#chooser.value = "";
    this.#context.fillStyle = this.#dark.checked ? "white" : "black";
    this.#context.fillRect(0, 0, PAD.width, PAD.height);
    this.dispatchEvent(new Event("clear"));
  }

  /** Show an example. The pad gets the brightness of its corners, unless that is by chance: a model knows dark on light, or light on dark. @param {Blob} picture @param {boolean} telling */
  async openExample(picture, telling) {
    this.#example = picture;
    await this.open(picture);
    if (!telling) return;
    const corners = [0, PAD.width - 1].flatMap((x) => [0, PAD.height - 1].map((y) => ({ x, y })));
    const light = corners.map(({ x, y }) => brightness(this.#context.getImageData(x, y, 1, 1).data));
    this.#dark.checked = light.reduce((sum, each) => sum + each, 0) / corners.length > 127;
  }

  /** @param {Blob | null | undefined} file */
  async open(file) {
    if (!file) return;
    const change = ++this.#changes;
    const picture = await createImageBitmap(file).catch(() => null);
    // What was chosen or drawn meanwhile stays.
    if (change !== this.#changes) return;
    if (!picture) {
      const name = file instanceof File ? file.name : "This";
      const detail = `${name} is no picture that this browser reads; the picture on the pad stays.`;
      // The same file may be chosen again.
      this.#chooser.value = "";
      this.dispatchEvent(new CustomEvent("refused", { detail }));
      return;
    }
    this.#clear(file);
    this.#file = file;
    this.#empty = false;
    this.#draw(picture);
    this.dispatchEvent(new Event("predict"));
  }

  /** As large as it fits. @param {ImageBitmap} picture */
  #draw(picture) {
    const scale = Math.min(PAD.width / picture.width, PAD.height / picture.height);
    const [width, height] = [picture.width * scale, picture.height * scale];
    // Pixels larger than those of the screen stay squares.
    this.#context.imageSmoothingEnabled = scale < 1;
    this.#context.drawImage(picture, (PAD.width - width) / 2, (PAD.height - height) / 2, width, height);
  }

  #takeDropped() {
    const drop = part("picture");
    const over = (/** @type {Event} */ event) => {
      event.preventDefault();
      drop.classList.toggle("over", event.type === "dragover");
    };
    for (const type of ["dragover", "dragleave", "drop"]) drop.addEventListener(type, over);
    drop.addEventListener("drop", (event) => this.open(event.dataTransfer?.files[0]));
    // The element hears it while it or the pad has the focus.
    drop.addEventListener("paste", (event) => this.open(event.clipboardData?.files[0]));
  }

  #takeStrokes() {
    const pad = this.#pad;
    pad.addEventListener("pointerdown", (event) => {
      pad.setPointerCapture(event.pointerId);
      this.#context.beginPath();
      this.#stroke(event);
    });
    pad.addEventListener("pointermove", (event) => {
      if (pad.hasPointerCapture(event.pointerId)) this.#stroke(event);
    });
  }

  /** @param {PointerEvent} event */
  #stroke({ offsetX, offsetY }) {
    const [x, y] = [(offsetX / this.#pad.clientWidth) * PAD.width, (offsetY / this.#pad.clientHeight) * PAD.height];
    Object.assign(this.#context, { lineWidth: PEN_WIDTH, lineCap: "round", lineJoin: "round" });
    this.#context.strokeStyle = this.#dark.checked ? "black" : "white";
    this.#changes++;
    this.#context.lineTo(x, y);
    this.#context.stroke();
    this.#chooser.value = "";
    this.#file = null;
    this.#empty = false;
    this.dispatchEvent(new Event("predict"));
  }
}

/** @param {Uint8ClampedArray} pixel */
function brightness([red, green, blue]) {
  return (red + green + blue) / 3;
}

/** The only input, if a picture file can be sent for it. @param {Model} model */
export function pictureOf({ signature: { inputs } }) {
  return inputs.length === 1 && inputs[0].image ? inputs[0] : null;
}

/** The size that a picture must have; null if the service resizes it. @param {Input} input */
function exactSize({ shape, image }) {
  const places = { CHW: [2, 3], HWC: [1, 2], HW: [1, 2] };
  if (!image || image.resize || image.crop) return null;
  const [height, width] = places[image.layout].map((place) => shape[place]);
  return height > 0 && width > 0 ? { width, height } : null;
}
