// Paths that grow: a slider over the steps of training.
// Owns: how much of each path a step shows, and the line through the curves beside them.

const course = () => data.panels[0].course;
const ended = () => !course() || state.step === null || state.step >= course().frames.length - 1;
const stepNow = () => course().frames[state.step];

// The trace of a path up to the step, its last point as large as that of the whole path.
function grown(trace, panel) {
  const steps = panel.course && panel.course.steps[trace.name];
  if (ended() || !steps || !String(trace.mode).includes("lines") || !trace.meta.path) return trace;
  const count = Math.max(1, steps.filter(step => step <= stepNow()).length);
  const cut = values => Array.isArray(values) || ArrayBuffer.isView(values) ? values.slice(0, count) : values;
  const size = cut(trace.marker.size);
  size[count - 1] = trace.marker.size.at(-1);
  const own = { marker: { ...trace.marker, size }, text: cut(trace.text), customdata: cut(trace.customdata) };
  for (const name of ["x", "y", "z"]) if (trace[name]) own[name] = cut(plain(trace[name]));
  return { ...trace, ...own };
}
// plotly's own form of an array in a page's data.
function plain(values) {
  if (!values.bdata) return values;
  const kinds = { f4: Float32Array, f8: Float64Array, i1: Int8Array, i2: Int16Array, i4: Int32Array, u1: Uint8Array };
  return Array.from(new kinds[values.dtype](bytesOf(values.bdata).buffer));
}
function withStep(layout, panel, place) {
  if (place !== "line" || ended()) return layout;
  const line = { type: "line", x0: stepNow(), x1: stepNow(), y0: 0, y1: 1, yref: "paper", line: { color: LIGHT.soft, width: 1.5 } };
  return { ...layout, shapes: [...(layout.shapes || []), line] };
}
function showStep() {
  for (const figure of figures) if (figure.panel.course) draw(figure);
}
