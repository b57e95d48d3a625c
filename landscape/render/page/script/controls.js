// Switches and sliders above the figures.
// Owns: which there are, and what they say. They are made once and changed in place, so that the focus stays where it was.

const SCALES = { linear: "linear", log: "log", symlog: "symmetric log" };

function element(name, attributes, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}
function find(metric, scale) {
  const exact = views.findIndex(v => v.metric === metric && v.scale === scale);
  return exact >= 0 ? exact : views.findIndex(v => v.metric === metric);
}
function metricSwitch() {
  const metrics = views.filter((v, i) => views.findIndex(w => w.metric === v.metric) === i);
  if (metrics.length < 2) return [];
  const select = element("select", { onchange: () => show(find(select.value, views[state.view].scale)) });
  select.setAttribute("aria-label", "metric");
  for (const { label, metric } of metrics) select.add(new Option(label, metric));
  return [select];
}
function scaleSwitch() {
  const group = element("div", { className: "group", id: "scales" });
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "scale");
  for (const [scale, name] of Object.entries(SCALES)) {
    const button = element("button", { textContent: name, onclick: () => show(find(views[state.view].metric, scale)) });
    button.dataset.scale = scale;
    group.append(button);
  }
  return [group];
}
function clipSliders() {
  if (!figures.some(withHeights) || !stepsOf().length) return [];
  const count = stepsOf().length - 1;
  const slider = (id, name, chosen) => {
    const input = element("input", { type: "range", id, min: 0, max: count, step: 1, oninput: () => (chosen(Number(input.value)), said(), clip()) });
    input.setAttribute("aria-label", name);
    return input;
  };
  const low = slider("low", "lowest height drawn", at => { state.low = Math.min(at, (state.high ?? count) - least()); });
  const high = slider("high", "highest height drawn", at => { state.high = Math.max(at, state.low + least()); });
  return [element("span", { className: "clip" }, "heights ", low, high, element("output", { id: "heights" }))];
}
function stepSlider() {
  if (!course()) return [];
  const last = course().frames.length - 1;
  const input = element("input", { type: "range", id: "step", min: 0, max: last, step: 1, oninput: () => {
    state.step = Number(input.value);
    said();
    showStep();
  } });
  input.setAttribute("aria-label", course().label);
  return [element("span", { className: "clip" }, course().label + " ", input, element("output", { id: "reached" }))];
}
function buttons() {
  const found = [];
  if (reliefs().length) {
    found.push(element("button", { id: "back", textContent: "reset camera", onclick: () => look(pageCamera()) }));
    found.push(element("button", { id: "save", textContent: "save PNG", onclick: () => reliefs().forEach(save) }));
  }
  const theme = element("button", { id: "theme", onclick: () => { setTheme(!dark); said(); drawAll(); } });
  return [...found, theme];
}
function controls() {
  document.getElementById("controls").append(
    ...(views.length ? [...metricSwitch(), ...scaleSwitch()] : []), ...clipSliders(), ...levelSlider(), ...stepSlider(), ...buttons());
}
// What the switches say of the page as it is.
function said() {
  const box = document.getElementById("controls"), now = views[state.view] || {};
  const select = box.querySelector("select"), scales = box.querySelectorAll("#scales button");
  if (select) select.value = now.metric;
  const offered = [...scales].filter(button => views.some(v => v.metric === now.metric && v.scale === button.dataset.scale));
  for (const button of scales) {
    button.hidden = offered.length < 2 || !offered.includes(button);
    button.setAttribute("aria-pressed", String(button.dataset.scale === now.scale));
  }
  document.getElementById("theme").textContent = dark ? "light" : "dark";
  sayHeights(box);
  sayLevel(box);
  if (course()) {
    const at = ended() ? course().frames.length - 1 : state.step;
    box.querySelector("#step").value = at;
    box.querySelector("#reached").textContent = String(course().frames[at]);
  }
}
function sayHeights(box) {
  const names = stepsOf(), low = box.querySelector("#low");
  if (!low) return;
  const high = state.high ?? names.length - 1;
  low.value = state.low;
  box.querySelector("#high").value = high;
  for (const [id, at] of [["low", state.low], ["high", high]]) box.querySelector("#" + id).setAttribute("aria-valuetext", names[at]);
  box.querySelector("#heights").textContent = names[state.low] + " to " + names[high];
}
