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
      // Drawing changes the height, which is no news; a node that has left the page has no width.
      if (!width || width === known) return;
      known = width;
      redraw();
    },
  ).observe(node);
}
