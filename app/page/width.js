/** Call `redraw` with the width of a node, in CSS pixels: now, and whenever it changes. */
export function onWidth(node, redraw) {
  let known = 0;
  new ResizeObserver(([{ contentRect: { width } }]) => {
    // Drawing changes the height, which is no news; a node that has left the page has no width.
    if (!width || width === known) return;
    known = width;
    redraw(width);
  }).observe(node);
}
