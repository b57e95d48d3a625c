// A relief on the screen or in a picture: walls, what WebGL draws, ticks and names around the box, a legend.
// Owns: the drawing around WebGL's. Lengths are pixels of the screen; `scale` says how many of the picture each is.

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif";
const TICK = 11, NAME = 12, AWAY = 11;

function compose(context, figure, scale) {
  const { scene, width, height } = figure, view = viewOf(state.camera, boxOf(scene), width, height);
  const ticks = [scene.xaxis, scene.yaxis, scene.zaxis].map(ticksOf);
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const inBox = p => view.at(p.map((share, i) => (share - 0.5) * boxOf(scene)[i]));
  const { back, walls } = wallsOf(view, ticks);
  context.fillStyle = themed(scene.xaxis.backgroundcolor, "");
  for (const [a, b, c, d] of walls) outline(context, [a, b, d, c].map(inBox));
  if (figure.made) {
    drawGl(view, figure, scale, ticks);
    context.drawImage(gl.canvas, 0, 0, width * scale, height * scale, 0, 0, width, height);
  }
  axesAround(context, inBox, back, ticks, figure);
  names(context, view, figure);
  legend(context, figure);
  return view;
}
function outline(context, points) {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.fill();
}
// Ticks stand on the edges of the box that nothing hides: the two in front, below, and the left of the upright ones.
function axesAround(context, inBox, back, ticks, { scene, width }) {
  const [x, y, z] = back, upright = [[x, 1 - y], [1 - x, y]];
  const left = inBox([...upright[0], 0.5])[0] < inBox([...upright[1], 0.5])[0] ? upright[0] : upright[1];
  const edges = [at => [at, 1 - y, z], at => [1 - x, at, z], at => [...left, at]];
  const middle = inBox([0.5, 0.5, 0.5]), labels = [scene.xaxis.title.text, scene.yaxis.title.text, ""];
  edges.forEach((edge, axis) => axisAlong(context, at => inBox(edge(at)), ticks[axis], labels[axis], middle, width));
  nameUpright(context, inBox(edges[2](0)), inBox(edges[2](1)), ticks[2], scene.zaxis.title.text);
}
function axisAlong(context, edge, ticks, label, middle, width) {
  const [ax, ay] = edge(0), [bx, by] = edge(1), length = Math.hypot(bx - ax, by - ay) || 1;
  let [nx, ny] = [-(by - ay) / length, (bx - ax) / length];
  if (nx * ((ax + bx) / 2 - middle[0]) + ny * ((ay + by) / 2 - middle[1]) < 0) [nx, ny] = [-nx, -ny];
  context.font = `${TICK}px ${FONT}`;
  context.fillStyle = context.strokeStyle = own("soft");
  let widest = 0;
  let last = null;
  for (const [at, text] of ticks) {
    const [px, py] = edge(at);
    context.beginPath();
    context.moveTo(px, py);
    context.lineTo(px + 4 * nx, py + 4 * ny);
    context.stroke();
    if (last && Math.hypot(px - last[0], py - last[1]) < 13) continue;
    last = [px, py];
    beside(context, text, px + AWAY * nx, py + AWAY * ny, nx, width);
    widest = Math.max(widest, context.measureText(text).width);
  }
  const off = AWAY + 10 + TICK * Math.abs(ny) + widest * Math.abs(nx);
  context.font = `${NAME}px ${FONT}`;
  context.fillStyle = own("ink");
  if (label) beside(context, shortened(context, label, width / 3), (ax + bx) / 2 + off * nx, (ay + by) / 2 + off * ny, nx, width);
}
// The name of the heights, along their axis beyond its ticks; where there is no room for that, above it.
function nameUpright(context, [ax, ay], [bx, by], ticks, label) {
  if (!label) return;
  context.font = `${TICK}px ${FONT}`;
  const widest = Math.max(0, ...ticks.map(([, text]) => context.measureText(text).width));
  context.font = `${NAME}px ${FONT}`;
  context.fillStyle = own("ink");
  const x = Math.min(ax, bx) - AWAY - widest - NAME, long = Math.abs(by - ay);
  context.textBaseline = "middle";
  if (x < NAME / 2 || long < 60) {
    context.textAlign = "left";
    context.fillText(label, Math.max(4, bx - context.measureText(label).width / 2), Math.max(NAME, Math.min(ay, by) - NAME));
    return;
  }
  context.save();
  context.translate(x, (ay + by) / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.fillText(shortened(context, label, 1.3 * long), 0, 0);
  context.restore();
}
// Words at a place, to the side that leads away from the box, and within the figure.
function beside(context, text, x, y, side, width) {
  const long = context.measureText(text).width, left = x - long * (side < -0.35 ? 1 : side > 0.35 ? 0 : 0.5);
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillText(text, Math.max(2, Math.min(width - long - 2, left)), y);
}
function shortened(context, text, most) {
  if (context.measureText(text).width <= most) return text;
  let kept = text;
  while (kept.length > 1 && context.measureText(kept + "…").width > most) kept = kept.slice(0, -1);
  return kept + "…";
}
// Names of what stands in the box, dark with a light rim on any colour.
function names(context, view, { scene, made }) {
  const [low, high] = scene.zaxis.range;
  context.font = `${NAME}px ${FONT}`;
  context.textAlign = "left";
  context.lineWidth = 3;
  context.lineJoin = "round";
  for (const { place, text, color } of made ? made.names : []) {
    if (!text || !(place[2] >= low && place[2] <= high)) continue;
    const [x, y] = pixelsOf(view, scene, place);
    context.strokeStyle = HALO;
    context.strokeText(text, x + 6, y - 8);
    context.fillStyle = color;
    context.fillText(text, x + 6, y - 8);
  }
  context.lineWidth = 1;
}
function legend(context, { shown, layout, width, height }) {
  const entries = shown.filter(trace => trace.showlegend !== false && trace.name && (trace.type === "surface" || trace.line));
  if (entries.length < 2) return;
  const title = layout.legend && layout.legend.title ? layout.legend.title.text : "";
  context.font = `${NAME}px ${FONT}`;
  const wide = text => context.measureText(text).width;
  const total = wide(title) + 16 + entries.reduce((sum, { name }) => sum + wide(name) + 34, 0);
  let x = Math.max(4, (width - total) / 2);
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillStyle = own("ink");
  context.fillText(title, x, height - 10);
  x += wide(title) + 16;
  for (const { name, type, colorscale, line } of entries) {
    context.fillStyle = type === "surface" ? colorscale.at(-1)[1] : line.color;
    context.fillRect(x, height - (type === "surface" ? 15 : 11), 16, type === "surface" ? 10 : 2);
    context.fillStyle = own("ink");
    context.fillText(name, x + 20, height - 10);
    x += wide(name) + 34;
  }
}

// On the screen. `figure.view` is what it was drawn with, for what looks for places in it.
function paint(figure) {
  const { div, canvas } = figure, scale = window.devicePixelRatio || 1;
  figure.width = div.clientWidth;
  figure.height = div.clientHeight;
  const size = [Math.round(figure.width * scale), Math.round(figure.height * scale)];
  if (!size[0] || !size[1]) return;
  if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
  figure.view = compose(canvas.getContext("2d"), figure, scale);
  // For those who look from outside what was drawn.
  div.dataset.camera = JSON.stringify(state.camera);
  div.dataset.heights = JSON.stringify(figure.scene.zaxis.range);
  mark(figure);
}
// A relief's traces and layout became others.
function drawRelief(figure) {
  if (!figure.canvas) {
    figure.canvas = document.createElement("canvas");
    figure.div.append(figure.canvas);
  }
  if (figure.made) freed(figure.made);
  figure.shown = tracesOf(figure);
  figure.layout = layoutOf(figure);
  figure.scene = figure.layout.scene;
  figure.made = gl ? partsOf(figure.shown, figure.scene) : null;
  paint(figure);
}
