// Which heights of a relief are drawn: two sliders.
// Owns: the range, in even steps of all heights; what lies beyond is cut off, and the box shows the rest. Colours keep their meaning.

const stepsOf = () => data.panels[0].steps[state.view] || [];
const reliefs = () => figures.filter(({ place }) => place === "relief");
const least = () => Math.max(1, Math.round(0.01 * (stepsOf().length - 1)));

// The changes of a relief's layout.
function clipped(layout) {
  const count = stepsOf().length - 1;
  if (!(state.low > 0 || (state.high !== null && state.high < count))) return {};
  const [bottom, top] = layout.scene.zaxis.range;
  const low = state.low > 0 ? state.low / count : bottom, high = state.high < count ? state.high / count : top;
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
function clip() {
  for (const figure of reliefs()) {
    figure.layout = layoutOf(figure);
    figure.scene = figure.layout.scene;
    paint(figure);
  }
}
