// What hovering shows: every metric at the nearest grid point, in all figures of the page at once.
// Owns: the texts, and passing the place from one figure to the maps of all others.

function shown(value, percent) {
  if (Number.isNaN(value)) return "not drawn";
  if (percent) return (100 * value).toFixed(2).replace(/\.?0+$/, "") + " %";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(3);
  return String(Number(value.toPrecision(4)));
}
function readingText(reading, iy, ix) {
  const value = array(reading.values)[iy][ix], error = reading.errors ? array(reading.errors)[iy][ix] : NaN;
  const known = !Number.isNaN(value) && !Number.isNaN(error);
  const around = known ? " ± " + shown(Number(error.toPrecision(2)), reading.percent) : "";
  return reading.label + ": <b>" + shown(value, reading.percent) + "</b>" + around;
}
function hoverText(table) {
  const places = Array.from(array(table.x), x => "x " + Number(x.toPrecision(4)) + ", y ");
  return Array.from(array(table.y), (y, iy) => places.map((place, ix) => {
    const known = table.readings.filter(r => !r.sparse || !Number.isNaN(array(r.values)[iy][ix]));
    return [place + Number(y.toPrecision(4)), ...known.map(r => readingText(r, iy, ix))].join("<br>");
  }));
}
function nearest(values, wanted) {
  let best = 0;
  for (let i = 1; i < values.length; i++)
    if (Math.abs(values[i] - wanted) < Math.abs(values[best] - wanted)) best = i;
  return best;
}
// The text of each point of a sheet: (ny, nx) of the table where it has cells, else that of the nearest grid point.
const texts = new Map();
function textsOf(panel, view, sheet, cells) {
  const table = panel.tables[panel.table[view]];
  if (!texts.has(table)) texts.set(table, hoverText(table));
  const text = texts.get(table);
  if (cells) return text;
  const gridX = array(table.x), gridY = array(table.y);
  const columns = Array.from(array(sheet.x), x => nearest(gridX, x));
  return Array.from(array(sheet.y), y => {
    const row = text[nearest(gridY, y)];
    return columns.map(column => row[column]);
  });
}

// The text of the grid point nearest to a place.
function textAt(panel, view, x, y) {
  const table = panel.tables[panel.table[view]];
  if (!texts.has(table)) texts.set(table, hoverText(table));
  return texts.get(table)[nearest(array(table.y), y)][nearest(array(table.x), x)];
}

const isMap = ({ place }) => place === "flat" || place === "map";
// The words of a map at a place, by plotly.
function hoverAt({ div }, { x, y }) {
  const curveNumber = div.data.findIndex(trace => trace.hoverinfo === "text" && trace.name !== "holes");
  if (curveNumber >= 0) Plotly.Fx.hover(div, [{ xval: x, yval: y, curveNumber }]);
}
// The map under the pointer leads; what the others report then are echoes.
function linkHover() {
  for (const figure of figures.filter(isMap)) {
    const under = () => figure.div.matches(":hover");
    figure.div.on("plotly_hover", event => {
      const point = event.points && event.points[0];
      if (point && under()) pointAt({ x: point.x, y: point.y, told: "", by: figure });
    });
    // Not at plotly's own event, which also comes between two points.
    figure.div.addEventListener("pointerleave", () => unpointed());
  }
}
