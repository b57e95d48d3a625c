// Figures by keyboard: arrows turn a relief and move a map, + and - zoom, 0 goes back, s saves.
// Owns: what the keys do, and that a figure can have the focus.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const ZOOM = 1.15;

function turnByKey(key) {
  if (ARROWS[key]) return turnedBy(state.camera, STEP * ARROWS[key][0], STEP * ARROWS[key][1]);
  if (key === "+" || key === "=") return zoomedBy(state.camera, 1 / ZOOM);
  if (key === "-") return zoomedBy(state.camera, ZOOM);
  return key === "0" ? pageCamera() : null;
}
function rangeByKey(key, axis, start, way) {
  const [low, high] = axis.range, middle = (low + high) / 2, half = (high - low) / 2;
  if (key === "0") return [...start];
  if (ARROWS[key]) return [low + 0.2 * half * way, high + 0.2 * half * way];
  const factor = key === "-" ? ZOOM : 1 / ZOOM;
  return [middle - half * factor, middle + half * factor];
}
function moveByKey(key, { div, panel, index }) {
  const { xaxis, yaxis } = div._fullLayout, given = panel.figures[index].layout, [x, y] = ARROWS[key] || [0, 0];
  if (!ARROWS[key] && !["+", "=", "-", "0"].includes(key)) return false;
  Plotly.relayout(div, {
    "xaxis.range": rangeByKey(key, xaxis, given.xaxis.range, x),
    "yaxis.range": rangeByKey(key, yaxis, given.yaxis.range, y),
  });
  return true;
}
function pressed(event, figure) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  if (event.key === "s") return save(figure), true;
  if (figure.place === "relief") {
    const camera = turnByKey(event.key);
    if (camera) look(camera);
    return Boolean(camera);
  }
  return isMap(figure) && moveByKey(event.key, figure);
}
function listenToKeys() {
  for (const figure of figures) {
    figure.div.setAttribute("role", "img");
    figure.div.tabIndex = 0;
    figure.div.addEventListener("keydown", event => { if (pressed(event, figure)) event.preventDefault(); });
  }
}
