/** A canvas with the resolution of the screen, drawn again whenever its size changes. */
export class Surface {
  #canvas;
  #paint;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {(context: CanvasRenderingContext2D, width: number, height: number) => void} paint  Draws
   *   in CSS pixels on an empty canvas.
   */
  constructor(canvas, paint) {
    this.#canvas = canvas;
    this.#paint = paint;
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (!width || !height) return;
    const density = devicePixelRatio;
    this.#canvas.width = Math.round(width * density);
    this.#canvas.height = Math.round(height * density);
    const context = this.#canvas.getContext("2d");
    if (!context) return;
    context.scale(density, density);
    this.#paint(context, width, height);
  }
}
