// Reliefs: the box, its walls and ticks, what stands in it, and the words around it.
// Owns: what WebGL draws of one relief; `seen.js` puts it on the screen, with words around it.

// Round numbers within a range: five or so.
function roundTicks([low, high]) {
  const raw = (high - low) / 5, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(n => n * power).find(n => n >= raw * 0.8);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(k * step);
  return found.map(value => [value, written(value)]);
}

// A number of an axis; large and small ones by their power of ten.
function written(value) {
  const size = Math.abs(value), short = Number(value.toPrecision(6));
  const text = size >= 1e5 || (size > 0 && size < 1e-3)
    ? short.toExponential().replace("e+", "e") : String(short);
  return text.replaceAll("-", "\u2212");
}
// The ticks of an axis: (place in the box, words).
function ticksOf(axis) {
  const [low, high] = axis.range;
  const ticks = axis.tickvals ? plain(axis.tickvals).map((at, i) => [at, axis.ticktext[i]]) : roundTicks(axis.range);
  return ticks.map(([at, text]) => [(at - low) / (high - low), text]).filter(([at]) => at > -1e-9 && at < 1 + 1e-9);
}
// The corners of the box's walls that are behind what is drawn, and their grids: (n, 6) segments.
function wallsOf(view, ticks) {
  const back = view.eye.map(side => side > 0 ? 0 : 1), lines = [], walls = [];
  const point = (axis, u, v) => { const p = [0, 0, 0]; p[axis] = back[axis]; p[(axis + 1) % 3] = u; p[(axis + 2) % 3] = v; return p; };
  for (const axis of [0, 1, 2]) {
    walls.push([point(axis, 0, 0), point(axis, 1, 0), point(axis, 0, 1), point(axis, 1, 1)]);
    for (const [at] of ticks[(axis + 1) % 3]) lines.push(...point(axis, at, 0), ...point(axis, at, 1));
    for (const [at] of ticks[(axis + 2) % 3]) lines.push(...point(axis, 0, at), ...point(axis, 1, at));
  }
  return { back, lines, walls };
}

function drawGl(view, figure, scale, ticks) {
  const { scene, made, width, height } = figure, { canvas } = gl, box = boxOf(scene);
  const [across, down] = [Math.ceil(width * scale), Math.ceil(height * scale)];
  if (canvas.width < across || canvas.height < down) {
    canvas.width = Math.max(canvas.width, across);
    canvas.height = Math.max(canvas.height, down);
  }
  gl.viewport(0, canvas.height - down, across, down);
  gl.clearColor(0, 0, 0, 0);
  gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  gl.enable(gl.DEPTH_TEST);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const around = { seen: view.matrix, box, size: [across / 2, down / 2] };
  const { lines } = wallsOf(view, ticks), whole = { ...around, drawn: [0, 1] };
  const grid = linePart(lines, themed(scene.xaxis.gridcolor, ""), 1, 0);
  drawLines(grid, whole, scale / 2);
  gl.deleteBuffer(grid.points);
  const inside = { ...around, drawn: scene.zaxis.range };
  for (const part of made.parts)
    if (part.kind === "surface") drawSurface(part, inside);
    else if (part.kind === "line") drawLines(part, inside, scale / 2);
    else if (!part.cross) drawDots(part, inside, scale);
  // The net is where the reader looks: behind a ridge its cross is paler, and seen through it.
  for (const part of made.parts.filter(({ cross }) => cross)) {
    gl.disable(gl.DEPTH_TEST);
    drawDots(part, inside, scale, 0.6);
    gl.enable(gl.DEPTH_TEST);
    drawDots(part, inside, scale);
  }
}
function drawSurface(part, { seen, box, drawn }) {
  const used = use("surface", { seen, box, drawn, light: part.light, lamp: part.lamp, opacity: [part.opacity] });
  gl.bindTexture(gl.TEXTURE_2D, part.colors);
  gl.bindBuffer(gl.ARRAY_BUFFER, part.points);
  input(used, "point", 3, 5, 0);
  input(used, "slope", 2, 5, 3);
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, part.corners);
  gl.depthMask(part.opacity >= 0.5);
  gl.drawElements(gl.TRIANGLES, part.count, gl.UNSIGNED_INT, 0);
  gl.depthMask(true);
}
const inks = (color, opacity = 1) => [...rgb(color).map(c => c / 255), opacity];
function drawLines(part, around, scale) {
  const used = use("line", { ...around, paint: inks(part.color), width: [part.width * scale], nearer: [part.nearer] });
  gl.bindBuffer(gl.ARRAY_BUFFER, part.points);
  input(used, "start", 3, 6, 0, 1);
  input(used, "end", 3, 6, 3, 1);
  gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, part.count);
}
function drawDots(part, { seen, box, drawn }, scale, opacity = 1) {
  const used = use("dot", { seen, box, drawn, paint: inks(part.color, opacity), cross: [part.cross ? 1 : 0], nearer: [part.nearer], scale: [scale] });
  gl.bindBuffer(gl.ARRAY_BUFFER, part.points);
  input(used, "point", 3, 4, 0);
  input(used, "wide", 1, 4, 3);
  gl.drawArrays(gl.POINTS, 0, part.count);
}
function boxOf(scene) {
  return ["x", "y", "z"].map(axis => scene.aspectratio[axis]);
}
// A place in shares of the whole box, in pixels of the window.
function pixelsOf(view, scene, [x, y, height]) {
  const box = boxOf(scene), [low, high] = scene.zaxis.range;
  return view.at([(x - 0.5) * box[0], (y - 0.5) * box[1], ((height - low) / (high - low) - 0.5) * box[2]]);
}
