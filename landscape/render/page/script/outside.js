// The window around the page: a notebook's widget, which shows it in a frame.
// Owns: the messages it takes (the camera, the metric, the scale), and what it may ask for. Anything else that it says is ignored.

const around = window.parent === window ? null : window.parent;
let telling = 0;

function stateNow() {
  const { metric = "", scale = "" } = views[state.view] || {};
  return { camera: state.camera || {}, metric, scale };
}
// At most ten times a second, and the last state always.
function tellOutside() {
  if (!around || telling) return;
  telling = setTimeout(() => {
    telling = 0;
    around.postMessage({ landscape: stateNow() }, "*");
  }, 100);
}
function isCamera(camera) {
  const { azimuth, elevation, zoom, center } = camera || {};
  return Array.isArray(center) && center.length === 3 && [azimuth, elevation, zoom, ...center].every(Number.isFinite) && zoom > 0;
}
function takes(wanted) {
  const now = stateNow(), { metric = now.metric, scale = now.scale } = wanted;
  if (metric !== now.metric || scale !== now.scale) {
    const view = find(metric, scale);
    if (view >= 0 && view !== state.view) show(view);
  }
  const { camera } = wanted;
  if (isCamera(camera) && reliefs().length)
    look(zoomedBy(turnedBy({ ...camera, center: [...camera.center] }, 0, 0), 1));
  tellOutside();
}
function listenOutside() {
  if (!around) return;
  window.addEventListener("message", event => {
    if (event.source === around && event.data && event.data.landscape) takes(event.data.landscape);
  });
  around.postMessage({ landscape: { ready: true } }, "*");
}
