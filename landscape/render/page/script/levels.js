// Volumes: the level of the isosurface, by a slider, and the slices, by a button.
// Owns: which level each view has, and whether the slices are seen. The camera stays whatever they show.

const levelsOf = () => {
  const levels = data.panels[0].levels[state.view];
  return levels && levels.at.length ? levels : null;
};
const levelNow = () => state.levels[state.view] ?? levelsOf().start;

// The trace of an isosurface at the level of its view; slices if they are wanted.
function leveled(trace) {
  if (trace.name === "slice") return { ...trace, visible: state.slices };
  if (trace.type !== "isosurface" || !levelsOf()) return trace;
  const { at, names, label } = levelsOf(), level = at[levelNow()];
  const hovertemplate = trace.hovertemplate + "<br>" + label + ": " + names[levelNow()] + "<extra></extra>";
  return { ...trace, isomin: level, isomax: level, hovertemplate };
}
function levelSlider() {
  if (!levelsOf()) return [];
  const input = element("input", { type: "range", id: "level", min: 0, step: 1, oninput: () => {
    state.levels[state.view] = Number(input.value);
    said();
    redraw();
  } });
  input.setAttribute("aria-label", "level of the isosurface");
  const slices = element("button", { id: "slices", textContent: "slices", onclick: () => {
    state.slices = !state.slices;
    said();
    redraw();
  } });
  return [element("span", { className: "clip" }, "level ", input, element("output", { id: "reached-level" })), slices];
}
function sayLevel(box) {
  const input = box.querySelector("#level");
  if (!input || !levelsOf()) return;
  const { names, label } = levelsOf();
  input.max = names.length - 1;
  input.value = levelNow();
  input.setAttribute("aria-valuetext", names[levelNow()]);
  box.querySelector("#reached-level").textContent = label + " " + names[levelNow()];
  box.querySelector("#slices").setAttribute("aria-pressed", String(state.slices));
}
