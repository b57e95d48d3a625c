// The figures of the page: what each shows in the current view.
// Owns: making a figure from the page's data, and drawing it. A view is made when it is first chosen.

const state = { view: 0, camera: null, low: 0, high: null, step: null, levels: {}, slices: false };
const figures = [];

function findFigures() {
  data.panels.forEach((panel, number) => panel.places.forEach((place, index) => {
    const div = document.getElementById(place + number);
    figures.push({ div, panel, place, index, number });
  }));
}
function seenIn(trace, view) {
  return !trace.meta || (trace.meta.views || [trace.meta.view]).includes(view);
}
// The slopes of the numbers of levels at each of them, weighted harmonic means of those on both sides (Fritsch & Butland 1984).
function slopesAt(edges) {
  const wide = edges.slice(1).map((edge, i) => edge - edges[i]), last = wide.length;
  return edges.map((_, i) => {
    if (i === 0 || i === last) return 1 / wide[i === 0 ? 0 : last - 1];
    const [a, b] = [wide[i - 1], wide[i]];
    return 3 * (a + b) / ((2 * b + a) * a + (b + 2 * a) * b);
  });
}
// How many levels lie below a height, with fractions: contours of plotly are equidistant. They rise smoothly: with a kink at a
// level, plotly's line of it would zigzag between the points.
function levelNumbers(rows, edges) {
  const last = edges.length - 1, slopes = slopesAt(edges);
  return rows.map(row => row.map(height => {
    if (Number.isNaN(height)) return NaN;
    let below = 0;
    while (below < last - 1 && height >= edges[below + 1]) below++;
    const wide = edges[below + 1] - edges[below], t = Math.min(1, Math.max(0, (height - edges[below]) / wide));
    const [first, second] = [slopes[below] * wide - 1, slopes[below + 1] * wide - 1];
    return below + t + t * (1 - t) * (first * (1 - t) - second * t);
  }));
}
const numbered = new Map();
function numbersOf(sheet, edges) {
  const key = JSON.stringify([sheet.z, edges]);
  if (!numbered.has(key)) numbered.set(key, levelNumbers(array(sheet.z), edges));
  return numbered.get(key);
}
// Names of marks, and dark numbers of lines, stand over colours from dark to light.
function haloed(trace) {
  if (!(String(trace.mode).includes("+text") || trace.name === "dark levels") || !(trace.meta && trace.meta.over)) return trace;
  return { ...trace, textfont: { ...trace.textfont, shadow: Array(3).fill("0 0 2px " + HALO).join(", ") } };
}
function filled(trace, panel) {
  const known = trace.meta || {};
  if (!known.sheet) return haloed(themed(trace, ""));
  const sheet = panel.sheets[known.sheet], cells = trace.type === "heatmap";
  const own = { x: array(sheet.x), y: array(sheet.y), showscale: false };
  const shares = array(sheet.z), z = known.edges ? numbersOf(sheet, known.edges) : shares;
  // A relief is cut by its box, and lines of another metric have heights of their own.
  own.z = trace.type === "surface" || known.apart ? z : cutSheet(z, shares);
  if (trace.hoverinfo === "text") own.text = textsOf(panel, state.view, sheet, cells);
  return { ...themed(trace, ""), ...own };
}
function tracesOf({ panel, index }) {
  const traces = panel.figures[index].data.filter(trace => seenIn(trace, state.view));
  return traces.map(trace => cutPoints(leveled({ ...grown(filled(trace, panel), panel), visible: true })));
}

// A layout with changes by dotted names, such as "scene.zaxis.range"; the parts that change are copies.
function changed(layout, changes) {
  const found = { ...layout };
  for (const [path, value] of Object.entries(changes)) {
    const names = path.split(".");
    let part = found;
    for (const name of names.slice(0, -1)) part = part[name] = { ...part[name] };
    part[names.at(-1)] = value;
  }
  return found;
}
function layoutOf({ panel, place, index }) {
  let layout = changed(panel.figures[index].layout, panel.layouts[state.view][index]);
  const ground = { paper_bgcolor: LIGHT.ground, plot_bgcolor: LIGHT.ground };
  layout = { ...layout, ...ground, hoverlabel: { align: "left" } };
  if (place === "relief") layout = changed(layout, clipped(layout));
  // plotly keeps the ranges to which a map was moved, and the camera of a volume; the ranges of curves are of one view.
  else if (!["line", "stack", "layers", "many"].includes(place)) layout.uirevision = "keep";
  else layout.uirevision = "view" + state.view;
  return themed(withStep(layout, panel, place), "");
}
function draw(figure) {
  const { div, place } = figure;
  div.setAttribute("aria-label", spoken(figure));
  if (place === "relief") return drawRelief(figure);
  // A switch may be used before plotly's library has come; the maps are then drawn with what was chosen.
  if (!window.Plotly) return null;
  return Plotly.react(div, tracesOf(figure), layoutOf(figure), configOf(figure));
}
const PLACES = { relief: "Relief", flat: "Seen from above", map: "Map", line: "Curves", stack: "Curves", layers: "Panels", many: "Panels", volume: "Volume" };
function spoken({ panel, place }) {
  const title = [data.captions[state.view].title, panel.title].filter(Boolean).join(", ");
  const what = panel.spoken[state.view];
  return PLACES[place] + " of " + title + (what && what !== title && what !== panel.title ? ": " + what : "");
}
// What plotly draws takes longer than a slider moves: one drawing after the other, and the last position always.
let drawing = false, again = false;
async function redraw() {
  if (drawing) { again = true; return; }
  drawing = true;
  do {
    again = false;
    await Promise.all(figures.filter(({ place }) => place !== "relief").map(draw));
  } while (again);
  drawing = false;
}
function drawAll() {
  return Promise.all(figures.map(draw));
}
