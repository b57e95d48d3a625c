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
    if (percent) return (100 * value).toFixed(2).replace(/\.?0+$/, "") + " %";
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(3);
    return String(Number(value.toPrecision(4)));
  }
  function readingText(reading, iy, ix) {
    const value = reading.values[iy][ix], error = reading.errors && reading.errors[iy][ix];
    const known = value !== null && typeof error === "number";
    const around = known ? " ± " + shown(Number(error.toPrecision(2)), reading.percent) : "";
    return reading.label + ": <b>" + shown(value, reading.percent) + "</b>" + around;
  }
  function hoverText(table) {
    return table.y.map((y, iy) => table.x.map((x, ix) => {
      const place = "x " + Number(x.toPrecision(4)) + ", y " + Number(y.toPrecision(4));
      const known = table.readings.filter(r => !r.sparse || r.values[iy][ix] !== null);
      return [place, ...known.map(r => readingText(r, iy, ix))].join("<br>");
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

  // One camera for all reliefs. The one being turned leads and the others follow; their events in the meantime are echoes.
  let leader = null, latest = null;
  function follow() {
    const camera = latest;
    latest = null;
    const others = reliefs.filter(div => div !== leader);
    Promise.all(others.map(div => Plotly.relayout(div, { "scene.camera": camera })))
      .then(() => requestAnimationFrame(() => { if (latest) follow(); else leader = null; }));
  }
  function turned(div, event) {
    if (!event || !Object.keys(event).some(key => key.startsWith("scene.camera"))) return;
    if (leader !== null && leader !== div) return;
    latest = event["scene.camera"] || div.layout.scene.camera;
    if (leader === null) { leader = div; follow(); }
  }
  if (reliefs.length > 1)
    reliefs.forEach(div => {
      div.on("plotly_relayouting", event => turned(div, event));
      div.on("plotly_relayout", event => turned(div, event));
    });
  words();
  controls();
})();
