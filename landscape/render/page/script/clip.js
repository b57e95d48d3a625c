// Which heights of reliefs and maps are drawn: two sliders.
// Owns: the range, in even steps of all heights; what lies beyond is cut off, and the box of a relief shows the rest. Colours keep
// their meaning.

const stepsOf = () => data.panels[0].steps[state.view] || [];
const reliefs = () => figures.filter(({ place }) => place === "relief");
const least = () => Math.max(1, Math.round(0.01 * (stepsOf().length - 1)));

const withHeights = ({ place }) => place === "relief" || place === "flat" || place === "map";

// The lowest and the highest height drawn, as shares; null where nothing is cut off.
function ends() {
  const count = stepsOf().length - 1;
  if (!(state.low > 0 || (state.high !== null && state.high < count))) return null;
  return [state.low > 0 ? state.low / count : -Infinity, (state.high ?? count) < count ? state.high / count : Infinity];
}
// The changes of a relief's layout.
function clipped(layout) {
  const range = ends(), [bottom, top] = layout.scene.zaxis.range;
  if (!range) return {};
  const low = Math.max(bottom, range[0]), high = Math.min(top, range[1]);
  return { "scene.zaxis.range": [low, high], ...ticksWithin(low, high, layout.scene.zaxis) };
}
// The marks of the whole box that are left, or the ends and the middle where those are too few.
function ticksWithin(low, high, { tickvals, ticktext }) {
  const marks = Array.from(tickvals, (at, i) => [at, ticktext[i]]).filter(([at]) => at >= low && at <= high);
  const names = stepsOf(), count = names.length - 1;
  const own = [low, (low + high) / 2, high].map(at => [at, names[Math.min(count, Math.max(0, Math.round(at * count)))]]);
  const kept = marks.length > 2 ? marks : own;
  return { "scene.zaxis.tickvals": kept.map(([at]) => at), "scene.zaxis.ticktext": kept.map(([, text]) => text) };
}
// A map's trace without what is cut off: of a sheet `z`, whose heights are `shares`, and of points with heights of their own.
function cutSheet(z, shares) {
  const range = ends();
  if (!range) return z;
  return z.map((row, iy) => row.map((value, ix) => shares[iy][ix] >= range[0] && shares[iy][ix] <= range[1] ? value : NaN));
}
function cutPoints(trace) {
  const range = ends(), heights = trace.meta && trace.meta.heights;
  if (!range) return trace;
  if (trace.name === "beyond") return { ...trace, visible: false };
  if (!heights) return trace;
  const kept = values => Array.isArray(values) || ArrayBuffer.isView(values) || (values && values.bdata)
    ? plain(values).filter((_, i) => heights[i] >= range[0] && heights[i] <= range[1]) : values;
  const own = { x: kept(trace.x), y: kept(trace.y), text: kept(trace.text) };
  return { ...trace, ...own, textfont: trace.textfont && { ...trace.textfont, color: kept(trace.textfont.color) } };
}
function clip() {
  for (const figure of reliefs()) {
    figure.layout = layoutOf(figure);
    figure.scene = figure.layout.scene;
    paint(figure);
  }
  redraw();
}
