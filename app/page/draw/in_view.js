/** Whether a part of the page is in the window or near it. */

const PAUSE_MILLISECONDS = 400;
/** @typedef {(() => void) | null} Draw */

/** Whether a pointer is pressed somewhere, as while a slider is dragged. */
let pressed = false;
addEventListener("pointerdown", () => (pressed = true), { capture: true });
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => (pressed = false), { capture: true });

/**
 * A function that calls its newest argument in the next frame while `node` is in view. Otherwise it
 * calls the newest argument when the node comes into view, or when none has followed for a while and
 * no pointer is pressed.
 * @param {Element} node
 */
export function whenInView(node) {
  /** @type {Draw} */
  let waiting = null;
  let near = true;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let pause;
  let frame = 0;
  const draw = () => {
    clearTimeout(pause);
    cancelAnimationFrame(frame);
    frame = 0;
    const newest = waiting;
    waiting = null;
    // After a switch of the version, the page has another node of this name.
    if (node.isConnected) newest?.();
  };
  const wait = () => {
    clearTimeout(pause);
    pause = setTimeout(() => (pressed ? wait() : draw()), PAUSE_MILLISECONDS);
  };
  new IntersectionObserver((entries) => {
    near = entries[entries.length - 1].isIntersecting;
    if (near) draw();
  }).observe(node);
  return (/** @type {() => void} */ next) => {
    waiting = next;
    if (near) frame ||= requestAnimationFrame(draw);
    else wait();
  };
}

/** Call `action` when `node` is first in view. @param {Element} node @param {() => void} action */
export function whenSeen(node, action) {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    action();
  });
  observer.observe(node);
}
