// The page's data: what it says, and its arrays.
// Owns: inflating, and reading arrays as packed.py wrote them. Each array is read once, when it is first drawn.

const data = JSON.parse(document.getElementById("data").textContent);
const views = data.views;

function bytesOf(base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
async function inflated(id) {
  const place = document.getElementById(id), packed = new Blob([bytesOf(place.textContent)]);
  place.remove();
  return new Response(packed.stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
}

// All first bytes, then all second ones, of differences whose signs come last.
function unpacked(bytes, count, drop) {
  const bits = new Uint32Array(count);
  let last = 0;
  for (let i = 0; i < count; i++) {
    const folded = bytes[i] | bytes[count + i] << 8 | bytes[2 * count + i] << 16 | bytes[3 * count + i] << 24;
    last = (last + ((folded >>> 1) ^ -(folded & 1))) | 0;
    bits[i] = last << drop;
  }
  return new Float32Array(bits.buffer);
}

let block = null;
const arrays = new Map();
function array(reference) {
  const key = reference.kind + reference.at + "/" + reference.drop + "/" + reference.shape;
  if (!arrays.has(key)) arrays.set(key, read(reference));
  return arrays.get(key);
}
function read({ kind, at, shape, drop }) {
  const count = shape.reduce((product, n) => product * n, 1);
  const flat = kind === "f8" ? new Float64Array(block.slice(at, at + 8 * count))
    : unpacked(new Uint8Array(block, at, 4 * count), count, drop);
  if (shape.length === 1) return flat;
  return Array.from({ length: shape[0] }, (_, row) => flat.subarray(row * shape[1], (row + 1) * shape[1]));
}

async function unpackNumbers() {
  block = await inflated("numbers");
}
// plotly's library is run as a script of its own, so that it finds what such a script finds. One with an address is compiled beside
// what the page does meanwhile; where the page around this one forbids such addresses, its text is run.
async function unpackPlotly() {
  const code = await inflated("plotly"), address = URL.createObjectURL(new Blob([code]));
  if (!await ran({ src: address })) await ran({ textContent: new TextDecoder().decode(code) });
  URL.revokeObjectURL(address);
}
function ran(what) {
  return new Promise(done => {
    const script = Object.assign(document.createElement("script"), { onload: () => done(true), onerror: () => done(false), ...what });
    document.head.append(script);
    if (!script.src) done(true);
  });
}
