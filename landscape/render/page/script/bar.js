// The colour bar: one for all panels on one scale, above them; else one in each panel.
// Owns: what the bar says. Its colours and ticks are those of the traces.

function barOf(panel) {
  const traces = panel.figures.flatMap(figure => figure.data).filter(trace => seenIn(trace, state.view) && trace.colorbar);
  if (!traces.length) return null;
  const smooth = traces.find(trace => trace.type !== "contour") || traces[0];
  // The levels of the map are the ticks, so that each line has one.
  const lines = traces.find(trace => trace.type === "contour" && trace.colorbar.tickvals.length) || smooth;
  const edges = lines.type === "contour" ? lines.meta.edges : null;
  const { tickvals, ticktext, title } = lines.colorbar;
  return {
    colors: smooth.colorscale, label: title.text,
    ticks: Array.from(tickvals, (at, i) => [edges ? edges[at] : at, ticktext[i]]).filter(([at]) => at >= 0 && at <= 1),
  };
}
// Labels that would lie on the one before are left out; their ticks stay.
function labelled(ticks) {
  let end = -1;
  return ticks.map(([at, text]) => {
    const room = 0.011 * text.length + 0.012;
    if (at - room <= end) return [at, ""];
    end = at + room;
    return [at, text];
  });
}
function writeBar(place, bar) {
  place.replaceChildren();
  if (!bar) return;
  const label = document.createElement("span"), strip = document.createElement("div");
  label.textContent = bar.label;
  strip.className = "strip";
  strip.style.background = "linear-gradient(to right, " + bar.colors.map(([at, c]) => c + " " + 100 * at + "%") + ")";
  for (const [at, text] of labelled(bar.ticks)) {
    const tick = document.createElement("i");
    tick.style.left = 100 * at + "%";
    tick.textContent = text;
    strip.append(tick);
  }
  place.append(label, strip);
}
function bars() {
  const found = data.panels.map(barOf), first = JSON.stringify(found[0]);
  const shared = found.every(bar => JSON.stringify(bar) === first);
  writeBar(document.getElementById("bar"), shared ? found[0] : null);
  found.forEach((bar, number) => writeBar(document.getElementById("bar" + number), shared ? null : bar));
}
