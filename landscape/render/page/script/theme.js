// Light and dark pages.
// Owns: which colour of a light figure is which of a dark one, and which of the two is shown. Colours of data, and what lies over
// them, stay. The colours of lines are lighter by the same hue: on dark ground they need a contrast of 4.5 as on white.

const { light: LIGHT, dark: NIGHT, partners: PARTNERS, halo: HALO } = data.colors;
const UNCHANGED = new Set(["x", "y", "z", "text", "customdata", "hovertemplate", "colorscale", "ticktext", "title.text"]);
const asked = window.matchMedia("(prefers-color-scheme: dark)");
let dark = asked.matches;

// Where nothing is drawn, the page is seen: these colours are of the page, although they lie in a map.
const HOLES = new Set(["holes", "hatching"]);
function holed(trace) {
  const colors = trace.colorscale && trace.colorscale.map(([at, color]) => [at, themed(color, "")]);
  return { ...trace, ...(colors && { colorscale: colors }), ...(trace.fillpattern && { fillpattern: themed(trace.fillpattern, "") }) };
}
// The same figure on dark ground; texts and arrays are shared with the light one.
function themed(part, key) {
  if (!dark || UNCHANGED.has(key)) return part;
  if (typeof part === "string") return PARTNERS[part] || part;
  if (Array.isArray(part)) return part.map(each => themed(each, ""));
  if (part === null || typeof part !== "object" || ArrayBuffer.isView(part)) return part;
  if (HOLES.has(part.name)) return holed(part);
  if (part.name === "cell" || (part.meta && part.meta.over)) return part;
  return Object.fromEntries(Object.entries(part).map(([name, value]) => [name, themed(value, name)]));
}
// What is written and what it is written on, as the page is: "ink", "soft", "ground", ...
const own = name => (dark ? NIGHT : LIGHT)[name];
function setTheme(wanted) {
  dark = wanted;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}
