"""The style and the script of the interactive page, as text.

Owns: what happens in the browser: hover text, the switches for metric and scale, and cameras that move together. The
script gets figures that are complete; it only chooses which traces are seen.
"""

STYLE = """
:root { --ink: #1a1a1a; --soft: #5c5c5c; --line: #dfe1e6; --accent: #0b5fa5; }
* { box-sizing: border-box; }
body { margin: 0; padding: 18px 22px; color: var(--ink); background: #fff;
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
header { display: flex; flex-wrap: wrap; align-items: center; gap: 10px 28px; margin-bottom: 8px; }
h1 { font-size: 20px; font-weight: 600; margin: 0; }
h2 { font-size: 15px; font-weight: 600; margin: 0 0 2px; text-align: center; }
#controls { display: flex; flex-wrap: wrap; gap: 12px; align-items: center; }
select, button { font: inherit; color: var(--ink); background: #fff; border: 1px solid var(--line); padding: 4px 12px; }
select { border-radius: 6px; }
button { cursor: pointer; }
button:first-child { border-radius: 6px 0 0 6px; }
button:last-child { border-radius: 0 6px 6px 0; border-left: 0; }
button:only-child { border-radius: 6px; border-left: 1px solid var(--line); }
button[aria-pressed=true] { background: var(--accent); border-color: var(--accent); color: #fff; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(380px, 1fr)); gap: 8px 18px; }
.panels section { min-width: 0; }
.single .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(440px, 1fr)); gap: 12px; }
.figure { width: 100%; min-width: 0; }
.relief { height: min(64vh, 620px); }
.flat { height: min(52vh, 470px); }
.single .relief, .single .flat { height: min(74vh, 700px, max(380px, 50vw)); }
.line { height: min(68vh, 560px); }
.stack { height: max(700px, 84vh); }
.map { height: min(60vh, 520px); }
.single .map { --side: min(78vh, 760px); height: var(--side); max-width: calc(var(--side) + 100px); margin: 0 auto; }
.single .figures:has(.map) { display: block; }
.own, footer { color: var(--soft); font-size: 12px; }
.own p, footer p { margin: 3px 0; white-space: pre-wrap; }
p:empty { display: none; }
"""

SCRIPT = """
(function () {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const views = data.views;
  const config = { responsive: true, displaylogo: false, showSendToCloud: false,
    modeBarButtonsToRemove: ["sendChartToCloud", "select2d", "lasso2d", "autoScale2d"],
    toImageButtonOptions: { format: "png", scale: 3, filename: "landscape" } };
  let current = 0;

  function nearest(values, wanted) {
    let best = 0;
    for (let i = 1; i < values.length; i++)
      if (Math.abs(values[i] - wanted) < Math.abs(values[best] - wanted)) best = i;
    return best;
  }
  function shown(value, percent) {
    if (value === null) return "not drawn";
    if (percent) return (100 * value).toFixed(2).replace(/\\.?0+$/, "") + " %";
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(3);
    return String(Number(value.toPrecision(4)));
  }
  function told(reading, iy, ix) {
    const value = reading.values[iy][ix], error = reading.errors && reading.errors[iy][ix];
    const known = value !== null && typeof error === "number";
    const around = known ? " ± " + shown(Number(error.toPrecision(2)), reading.percent) : "";
    return reading.label + ": <b>" + shown(value, reading.percent) + "</b>" + around;
  }
  function hoverText(table) {
    return table.y.map((y, iy) => table.x.map((x, ix) => {
      const place = "x " + Number(x.toPrecision(4)) + ", y " + Number(y.toPrecision(4));
      const known = table.readings.filter(r => !r.sparse || r.values[iy][ix] !== null);
      return [place, ...known.map(r => told(r, iy, ix))].join("<br>");
    }));
  }
  function decoded(values) {
    if (!values || !values.bdata) return values;
    const bytes = Uint8Array.from(atob(values.bdata), c => c.charCodeAt(0)).buffer;
    const kinds = { f4: Float32Array, f8: Float64Array, i1: Int8Array, i2: Int16Array, i4: Int32Array };
    return Array.from(new kinds[values.dtype](bytes));
  }
  function addHover(figure, panel, texts) {
    for (const trace of figure.data) {
      if (trace.hoverinfo !== "text" || trace.name === "holes") continue;
      const number = panel.table[trace.meta.view], grid = panel.tables[number], text = texts[number];
      const x = decoded(trace.x), y = decoded(trace.y);
      if (trace.type === "heatmap") { trace.text = text; continue; }
      const columns = x.map(v => nearest(grid.x, v)), rows = y.map(v => nearest(grid.y, v));
      trace.text = rows.map(r => columns.map(c => text[r][c]));
    }
  }

  const reliefs = [], all = [];
  data.panels.forEach((panel, number) => {
    const names = panel.places, texts = panel.tables.map(hoverText);
    panel.figures.forEach((figure, i) => {
      const div = document.getElementById(names[i] + number);
      if (texts.length) addHover(figure, panel, texts);
      Plotly.newPlot(div, figure.data, figure.layout, config);
      all.push({ div: div, panel: panel, index: i });
      if (names[i] === "relief") reliefs.push(div);
    });
  });

  function write(id, text) {
    const place = document.getElementById(id);
    place.textContent = Array.isArray(text) ? text.join("  ·  ") : text;
  }
  function words() {
    write("title", data.captions[current].title);
    write("facts", data.captions[current].facts);
    data.panels.forEach((panel, number) => {
      write("facts" + number, panel.facts[current]);
      write("notes" + number, panel.notes[current]);
    });
  }
  function show(view) {
    current = view;
    for (const { div, panel, index } of all) {
      const visible = div.data.map(trace => !trace.meta || (trace.meta.views || [trace.meta.view]).includes(view));
      Plotly.update(div, { visible: visible }, panel.layouts[view][index]);
    }
    words();
    controls();
  }
  function find(metric, scale) {
    const exact = views.findIndex(v => v.metric === metric && v.scale === scale);
    return exact >= 0 ? exact : views.findIndex(v => v.metric === metric);
  }
  function controls() {
    const box = document.getElementById("controls");
    box.replaceChildren();
    if (!views.length) return;
    const metrics = views.filter((v, i) => views.findIndex(w => w.metric === v.metric) === i);
    if (metrics.length > 1) {
      const select = document.createElement("select");
      select.setAttribute("aria-label", "metric");
      metrics.forEach(m => select.add(new Option(m.label, m.metric, false, m.metric === views[current].metric)));
      select.onchange = () => show(find(select.value, views[current].scale));
      box.append(select);
    }
    const scales = views.filter(v => v.metric === views[current].metric);
    const group = document.createElement("div");
    const names = { linear: "linear", log: "log", symlog: "symmetric log" };
    ["linear", "log", "symlog"].filter(s => scales.some(v => v.scale === s)).forEach(scale => {
      const button = document.createElement("button");
      button.textContent = names[scale];
      button.setAttribute("aria-pressed", String(scale === views[current].scale));
      button.onclick = () => show(find(views[current].metric, scale));
      group.append(button);
    });
    if (scales.length > 1) box.append(group);
  }

  // One camera for all reliefs. The one being turned leads, the others are told; what they answer meanwhile is an echo.
  let leader = null, latest = null;
  function tell() {
    const camera = latest;
    latest = null;
    const others = reliefs.filter(div => div !== leader);
    Promise.all(others.map(div => Plotly.relayout(div, { "scene.camera": camera })))
      .then(() => requestAnimationFrame(() => { if (latest) tell(); else leader = null; }));
  }
  function turned(div, event) {
    if (!event || !Object.keys(event).some(key => key.startsWith("scene.camera"))) return;
    if (leader !== null && leader !== div) return;
    latest = event["scene.camera"] || div.layout.scene.camera;
    if (leader === null) { leader = div; tell(); }
  }
  if (reliefs.length > 1)
    reliefs.forEach(div => {
      div.on("plotly_relayouting", event => turned(div, event));
      div.on("plotly_relayout", event => turned(div, event));
    });
  words();
  controls();
})();
"""
