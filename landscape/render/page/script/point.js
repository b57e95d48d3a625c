// The place that is pointed at, in all reliefs at once.
// Owns: finding it in a relief, the ring around it, and the words beside it.

const NEAR = 14;
let place = null;

// The point of a mesh or a mark that is nearest to a pixel, of those near it the one in front.
function found({ made, scene, view }, px, py) {
  let best = null, front = Infinity;
  const [low, high] = scene.zaxis.range;
  const ask = (p, told) => {
    if (!(p[2] >= low && p[2] <= high)) return;
    const [x, y, depth] = pixelsOf(view, scene, p), off = Math.hypot(x - px, y - py);
    // A pixel aside counts like a hundredth of the box behind.
    if (off < NEAR && depth + 0.01 * off - (told ? 0.2 : 0) < front) {
      front = depth + 0.01 * off - (told ? 0.2 : 0);
      best = { at: p, told };
    }
  };
  for (const { place, told } of made.names) if (told) ask(place, told);
  const { x, y, z } = made.surfaces[0] || { x: [], y: [] };
  for (let r = 0; r < y.length; r++) for (let c = 0; c < x.length; c++) ask([x[c], y[r], z[r][c]], "");
  return best;
}
function pointed(figure, event) {
  if (!figure.made || !figure.view) return;
  const { left, top } = figure.div.getBoundingClientRect();
  const best = found(figure, event.clientX - left, event.clientY - top);
  if (!best) return unpointed();
  const { xaxis, yaxis } = figure.scene, along = (share, [low, high]) => low + share * (high - low);
  pointAt({ x: along(best.at[0], xaxis.range), y: along(best.at[1], yaxis.range), told: best.told, by: figure });
}
// A place in the plane: reliefs mark it, and maps show their own words there.
function pointAt(wanted) {
  place = wanted;
  for (const figure of figures)
    if (figure.place === "relief") mark(figure);
    else if (figure !== place.by && isMap(figure)) hoverAt(figure, place);
}
function unpointed() {
  if (!place) return;
  place = null;
  for (const figure of figures)
    if (figure.place === "relief") mark(figure);
    else if (isMap(figure)) Plotly.Fx.unhover(figure.div);
}
function tipIn(div) {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.append(document.createElement("span"));
  return div.appendChild(tip);
}
function mark(figure) {
  const { div, scene, view, made } = figure;
  const tip = figure.tip = figure.tip || tipIn(div);
  const surface = made && made.surfaces[0];
  tip.hidden = !(place && surface);
  if (tip.hidden) return;
  const share = (value, [low, high]) => (value - low) / (high - low);
  const [x, y] = [share(place.x, scene.xaxis.range), share(place.y, scene.yaxis.range)];
  const row = nearest(surface.y, y), column = nearest(surface.x, x), height = surface.z[row][column];
  const [low, high] = scene.zaxis.range;
  tip.hidden = !(height >= low && height <= high);
  const [px, py] = pixelsOf(view, scene, [surface.x[column], surface.y[row], height]);
  tip.style.left = px + "px";
  tip.style.top = py + "px";
  tip.classList.toggle("leftward", px > 0.6 * figure.width);
  const words = place.told && place.by === figure ? place.told : textAt(figure.panel, state.view, place.x, place.y);
  tip.classList.toggle("under", py < 0.25 * figure.height);
  tip.firstChild.textContent = words.replaceAll("<br>", "\n").replace(/<\/?b>/g, "");
}
