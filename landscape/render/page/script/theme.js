// Light and dark pages.
// Owns: which colour of a light figure is which of a dark one, and which of the two is shown. Colours of data, and what lies over
// them, stay. The colours of lines are lighter by the same hue: on dark ground they need a contrast of 4.5 as on white.

const DARK = {
  "#1a1a1a": "#e6e8ec", "#5c5c5c": "#a7adb8", "#dfe1e6": "#363c47", "#f6f6f8": "#1b1f26", "#f1f3f8": "#20252e",
  "#b9bec9": "#5a6270", "#ffffff": "#14171c", "white": "#14171c", "#2a3f5f": "#e6e8ec", "#ebf0f8": "#363c47",
  "#dfe8f3": "#363c47", "#c8d4e3": "#5a6270", "#506784": "#a7adb8",
  "#0b5fa5": "#5aabf0", "#c4500f": "#f08c4e", "#7a4a9e": "#bd94de", "#00795c": "#3fc29d", "#8a6a00": "#d3ad35",
  "#a3325f": "#e5789f", "#4d4d4d": "#b4b8c0", "#3d3d3d": "#c2c6cd", "#4f7d2a": "#8fc25f", "#6b6b6b": "#9aa0aa",
};
const UNCHANGED = new Set(["x", "y", "z", "text", "customdata", "hovertemplate", "colorscale", "ticktext", "title.text"]);
const asked = window.matchMedia("(prefers-color-scheme: dark)");
let dark = asked.matches;

// The same figure on dark ground; texts and arrays are shared with the light one.
function themed(part, key) {
  if (!dark || UNCHANGED.has(key)) return part;
  if (typeof part === "string") return DARK[part.toLowerCase()] || part;
  if (Array.isArray(part)) return part.map(each => themed(each, ""));
  if (part === null || typeof part !== "object" || ArrayBuffer.isView(part)) return part;
  if (part.name === "cell" || (part.meta && part.meta.over)) return part;
  return Object.fromEntries(Object.entries(part).map(([name, value]) => [name, themed(value, name)]));
}
function setTheme(wanted) {
  dark = wanted;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}
