/** A canvas with the resolution of the screen, drawn again whenever its size changes. */
export class Surface {
  #canvas;
  #paint;
  /** In CSS pixels; known without a layout in each drawing. */
  #size = { width: 0, height: 0 };

  /**
   * @param {HTMLCanvasElement} canvas  Without padding and border.
   * @param {(context: CanvasRenderingContext2D, width: number, height: number) => void} paint  Draws
   *   in CSS pixels on an empty canvas.
   */
  constructor(canvas, paint) {
    this.#canvas = canvas;
    this.#paint = paint;
    new ResizeObserver(([{ contentRect }]) => {
      this.#size = contentRect;
      this.draw();
    }).observe(canvas);
  }

  draw() {
    const { width, height } = this.#size;
    if (!width || !height) return;
    const density = devicePixelRatio;
    // Setting a size also clears the canvas.
    this.#canvas.width = Math.round(width * density);
    this.#canvas.height = Math.round(height * density);
    const context = this.#canvas.getContext("2d");
    if (!context) return;
    context.scale(density, density);
    this.#paint(context, width, height);
  }
}
