// The start of the page, its words, and its other views.

function write(id, text) {
  document.getElementById(id).textContent = Array.isArray(text) ? text.join("  ·  ") : text;
}
function words() {
  write("title", data.captions[state.view].title);
  write("facts", data.captions[state.view].facts);
  data.panels.forEach((panel, number) => {
    write("facts" + number, panel.facts[state.view]);
    write("notes" + number, panel.notes[state.view]);
  });
}
function show(view) {
  state.view = view;
  state.low = 0;
  state.high = null;
  words();
  said();
  bars();
  tellOutside();
  return drawAll();
}
// What tests and other scripts may ask: whether all reliefs show the camera and fill their figures, and where the corners of their
// boxes are, with the sizes of the figures.
window.landscape = {
  resting: () => !waiting,
  fitted: () => reliefs().every(({ div, width }) => width === div.clientWidth),
  corners: () => reliefs().map(({ scene, view, width, height }) => cornersOf(boxOf(scene)).map(p => [...view.at(p).slice(0, 2), width, height])),
};

// On paper the figures are as on the screen, in all as wide as the paper: some 700 pixels.
const PAPER = 700;
let night = false;
function paper() {
  // Light: a printer leaves out the ground of a page, and would print light words on white.
  if (dark) {
    night = true;
    setTheme(false);
    drawAll();
  }
  const main = document.querySelector("main");
  main.style.setProperty("--wide", main.clientWidth + "px");
  main.style.setProperty("--zoom", Math.min(1, PAPER / main.clientWidth));
  for (const { div } of figures) {
    div.style.setProperty("--wide", div.clientWidth + "px");
    div.style.setProperty("--high", div.clientHeight + "px");
  }
}

function screen() {
  if (!night) return;
  night = false;
  setTheme(true);
  drawAll();
}

async function start() {
  setTheme(dark);
  findFigures();
  words();
  if (typeof DecompressionStream === "undefined") {
    write("trouble", "This browser cannot unpack the page: Chrome or Edge 80, Firefox 113, Safari 16.4 or a later one can.");
    return;
  }
  const library = unpackPlotly();
  await unpackNumbers();
  performance.mark("numbers");
  if (reliefs().length) {
    state.camera = pageCamera();
    if (!startGl()) write("trouble", "This browser has no WebGL 2: reliefs are left out; the maps beside them show the same values.");
  }
  controls();
  said();
  bars();
  listenToKeys();
  // Reliefs are there long before plotly's library is: it takes most of the time.
  reliefs().forEach(listenToPointers);
  reliefs().forEach(draw);
  await new Promise(done => requestAnimationFrame(done));
  performance.mark("reliefs");
  await library;
  performance.mark("library");
  await Promise.all(figures.filter(({ place }) => place !== "relief").map(draw));
  linkRanges();
  linkHover();
  window.addEventListener("beforeprint", paper);
  window.addEventListener("afterprint", screen);
  window.addEventListener("resize", () => reliefs().forEach(paint));
  asked.addEventListener("change", event => { setTheme(event.matches); said(); drawAll(); });
  document.documentElement.dataset.drawn = "yes";
  listenOutside();
  performance.mark("drawn");
}
start();
