// From traces to what WebGL draws: surfaces, lines, dots.
// Owns: the shapes. Places are shares of the box, 0 to 1; heights are shares already. Made once for each view.

// plotly's sizes of marks in three dimensions, in pixels.
const DOT = 1.8;

function shareOf(values, [low, high]) {
  return Float64Array.from(values, value => (value - low) / (high - low));
}
// Slopes between the neighbours that are drawn; (rise, run) along a row or a column.
function slope(before, here, after, atBefore, at, atAfter) {
  const a = Number.isNaN(before) ? here : before, b = Number.isNaN(after) ? here : after;
  const run = (Number.isNaN(after) ? at : atAfter) - (Number.isNaN(before) ? at : atBefore);
  return run ? (b - a) / run : 0;
}
function vertices(x, y, z) {
  const [ny, nx] = [y.length, x.length], found = new Float32Array(5 * nx * ny);
  const clamp = (i, n) => Math.max(0, Math.min(n - 1, i));
  for (let r = 0, k = 0; r < ny; r++)
    for (let c = 0; c < nx; c++, k += 5) {
      const [left, right, below, above] = [clamp(c - 1, nx), clamp(c + 1, nx), clamp(r - 1, ny), clamp(r + 1, ny)];
      found[k] = x[c];
      found[k + 1] = y[r];
      found[k + 2] = z[r][c];
      found[k + 3] = slope(z[r][left], z[r][c], z[r][right], x[left], x[c], x[right]);
      found[k + 4] = slope(z[below][c], z[r][c], z[above][c], y[below], y[r], y[above]);
    }
  return found;
}
// Two triangles for each cell whose corners are drawn.
function triangles(z, nx, ny) {
  const found = new Uint32Array(6 * (nx - 1) * (ny - 1));
  let count = 0;
  for (let r = 0; r + 1 < ny; r++)
    for (let c = 0; c + 1 < nx; c++) {
      if (Number.isNaN(z[r][c] + z[r][c + 1] + z[r + 1][c] + z[r + 1][c + 1])) continue;
      const a = r * nx + c;
      for (const corner of [a, a + 1, a + nx, a + 1, a + nx + 1, a + nx]) found[count++] = corner;
    }
  return found.subarray(0, count);
}
function surfacePart(trace, scene) {
  const x = shareOf(trace.x, scene.xaxis.range), y = shareOf(trace.y, scene.yaxis.range), z = trace.z;
  const corners = triangles(z, x.length, y.length), { ambient, diffuse } = trace.lighting, { x: a, y: b, z: c } = trace.lightposition;
  const far = Math.hypot(a, b, c);
  return {
    kind: "surface", x, y, z, trace, count: corners.length, points: buffer(vertices(x, y, z)),
    corners: buffer(corners, gl.ELEMENT_ARRAY_BUFFER), colors: colorsOf(trace.colorscale), opacity: trace.opacity ?? 1,
    light: [ambient, diffuse], lamp: [a / far, b / far, c / far],
  };
}
// The places of a trace of marks: (n, 3) shares of the box.
function placesOf(trace, scene) {
  const x = shareOf(plain(trace.x), scene.xaxis.range), y = shareOf(plain(trace.y), scene.yaxis.range), z = plain(trace.z);
  return Array.from(x, (each, i) => [each, y[i], z[i] ?? NaN]);
}
function linePart(segments, color, width, nearer) {
  return { kind: "line", count: segments.length / 6, points: buffer(new Float32Array(segments)), color, width, nearer };
}
function markParts(trace, scene) {
  const places = placesOf(trace, scene), found = [], { marker = {}, line = {} } = trace, modes = trace.mode.split("+");
  const known = places.map(place => !place.some(Number.isNaN));
  if (modes.includes("lines")) {
    const segments = places.slice(1).flatMap((end, i) => known[i] && known[i + 1] ? [...places[i], ...end] : []);
    if (segments.length) found.push(linePart(segments, line.color, line.width ?? 2, 0.0015));
  }
  if (modes.includes("markers") && marker.opacity !== 0) {
    const size = i => DOT * (Array.isArray(marker.size) ? marker.size[i] : marker.size);
    const dots = places.flatMap((place, i) => known[i] ? [...place, size(i)] : []);
    if (dots.length) found.push({ kind: "dot", count: dots.length / 4, points: buffer(new Float32Array(dots)), color: marker.color, nearer: 0.003, cross: marker.symbol === "cross" });
  }
  return found;
}
// What a figure is drawn from: parts in the order of drawing (the opaque first), and the names that stand in it.
function partsOf(traces, scene) {
  const surfaces = traces.filter(({ type }) => type === "surface").map(trace => surfacePart(trace, scene));
  const marks = traces.filter(({ type, x }) => type === "scatter3d" && x);
  const parts = [...surfaces.filter(part => part.opacity >= 0.5), ...marks.flatMap(trace => markParts(trace, scene))];
  const names = marks.flatMap(trace => placesOf(trace, scene).map((place, i) => ({
    place, text: trace.text ? trace.text[i] : "", told: trace.customdata ? trace.customdata[i] : "", color: trace.marker?.color ?? LIGHT.ink,
  })));
  return { parts: [...parts, ...surfaces.filter(part => part.opacity < 0.5)], names, surfaces };
}
function freed({ parts }) {
  for (const part of parts) for (const own of [part.points, part.corners]) if (own) gl.deleteBuffer(own);
  for (const part of parts) if (part.colors) gl.deleteTexture(part.colors);
}
