// Reliefs by mouse, finger and wheel.
// Owns: what a drag, two fingers and a wheel do to the camera. A relief has no camera of its own: all see with the page's.

const TURN = Math.PI, WHEEL = 0.0012, LINE = 16;

function listenToPointers(figure) {
  const { div } = figure, down = new Map();
  div.addEventListener("pointerdown", event => {
    div.setPointerCapture(event.pointerId);
    down.set(event.pointerId, [event.clientX, event.clientY]);
  });
  div.addEventListener("pointermove", event => {
    if (!down.has(event.pointerId)) return pointed(figure, event);
    const before = new Map(down);
    down.set(event.pointerId, [event.clientX, event.clientY]);
    look(down.size === 2 ? pinched(before, down) : dragged(figure, before.get(event.pointerId), event));
  });
  for (const name of ["pointerup", "pointercancel"]) div.addEventListener(name, event => down.delete(event.pointerId));
  div.addEventListener("pointerleave", () => unpointed());
  div.addEventListener("contextmenu", event => event.preventDefault());
  div.addEventListener("dblclick", () => look(pageCamera()));
  div.addEventListener("wheel", event => {
    event.preventDefault();
    look(zoomedBy(state.camera, Math.exp(WHEEL * (event.deltaMode === 1 ? LINE : 1) * event.deltaY)));
  }, { passive: false });
}
// With shift or the right button the relief moves in the window; otherwise it turns.
function dragged({ height, view }, [x, y], event) {
  const [across, upward] = [(event.clientX - x) / height, (y - event.clientY) / height];
  if (event.shiftKey || event.buttons & 2) return movedBy(state.camera, across, upward, view.distance);
  return turnedBy(state.camera, -TURN * across, -TURN * upward);
}
function pinched(before, after) {
  const apart = fingers => { const [a, b] = [...fingers.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]) || 1; };
  return zoomedBy(state.camera, apart(before) / apart(after));
}
