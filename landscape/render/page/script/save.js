// Saving a figure as it is seen.
// Owns: the picture's size and name, and the buttons above each figure.

// Pixels of the picture for each of the screen.
const FINE = 3;

function fileName({ panel, place }) {
  const words = [data.captions[state.view].title, panel.title, place].filter(Boolean).join(" ");
  return words.normalize("NFKD").replace(/[^\w.-]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 120) || "landscape";
}
async function pictureOf(figure) {
  if (figure.place === "relief") return reliefPicture(figure);
  // With the colour bar, which on the page stands apart.
  const traces = figure.div.data.map(trace => trace.colorbar ? { ...trace, showscale: true } : trace);
  const size = { width: figure.div.clientWidth, height: figure.div.clientHeight };
  const layout = { ...figure.div.layout, ...size };
  return Plotly.toImage({ data: traces, layout }, { format: "png", scale: FINE, ...size });
}
function reliefPicture(figure) {
  const { width, height } = figure, bar = barOf(figure.panel), canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width * FINE, (height + (bar ? 44 : 0)) * FINE];
  const context = canvas.getContext("2d");
  compose(context, figure, FINE);
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = own("ground");
  context.fillRect(0, 0, width, height + 44);
  context.globalCompositeOperation = "source-over";
  if (bar) drawBar(context, bar, width, height);
  return canvas.toDataURL("image/png");
}
function drawBar(context, { colors, label, ticks }, width, top) {
  const long = Math.min(360, 0.7 * width), left = (width - long) / 2, strip = context.createLinearGradient(left, 0, left + long, 0);
  for (const [at, color] of colors) strip.addColorStop(at, color);
  context.fillStyle = strip;
  context.fillRect(left, top + 16, long, 10);
  context.font = `${NAME}px ${FONT}`;
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  context.fillStyle = own("ink");
  context.fillText(label, width / 2, top + 10);
  context.font = `${TICK}px ${FONT}`;
  for (const [at, text] of labelled(ticks)) {
    context.fillRect(left + at * long, top + 26, 1, 4);
    context.fillText(text, left + at * long, top + 40);
  }
}
async function save(figure) {
  const link = document.createElement("a");
  link.href = await pictureOf(figure);
  link.download = fileName(figure) + ".png";
  link.click();
}
function configOf(figure) {
  const own = { name: "save", title: "Save as PNG (s)", icon: Plotly.Icons.camera, click: () => save(figure) };
  return {
    responsive: true, displaylogo: false, showSendToCloud: false, doubleClick: "reset",
    modeBarButtonsToRemove: ["toImage", "select2d", "lasso2d", "autoScale2d"], modeBarButtonsToAdd: [own],
  };
}
