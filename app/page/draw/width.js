/**
 * Call `redraw` once `node` has a width, and whenever that changes.
 * @param {Element} node
 * @param {() => void} redraw
 */
export function onWidth(node, redraw) {
  let known = 0;
  new ResizeObserver(
    ([
      {
        contentRect: { width },
      },
    ]) => {
      // Drawing changes only the height; a node that was removed from the page has no width.
      if (!width || width === known) return;
      known = width;
      redraw();
    },
  ).observe(node);
}
