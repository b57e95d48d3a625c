// The camera of the reliefs: one for all of them.
// Owns: where it stands, the picture that it sees, and how it is moved. It sees a box that is centred at 0, z upward. At zoom 1 it is
// so near that the box fills its figure, whatever the shape of that, and that nothing is cut off as the box turns.

// Half the angle from top to bottom, as a slope; pixels that ticks and names need beside and above the box.
const SLOPE = Math.tan(Math.PI / 8), BESIDE = 52, ABOVE = 30;
const STEP = 5 * Math.PI / 180, STEEPEST = Math.PI / 2, AROUND = 12;
const NEAREST = 0.05, FARTHEST = 8;

// Right, up and forward of a camera that looks at the box from an angle.
function axesOf(azimuth, elevation) {
  const [sa, ca, se, ce] = [Math.sin(azimuth), Math.cos(azimuth), Math.sin(elevation), Math.cos(elevation)];
  return { right: [-sa, ca, 0], up: [-se * ca, -se * sa, ce], back: [ce * ca, ce * sa, se] };
}
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

function cornersOf(box) {
  const found = [];
  for (const x of [-0.5, 0.5]) for (const y of [-0.5, 0.5]) for (const z of [-0.5, 0.5]) found.push([x * box[0], y * box[1], z * box[2]]);
  return found;
}
// How far right, down and up the corners reach from a distance, in half heights of the window, for every way around.
function reach(box, elevation, far) {
  let across = 0, low = Infinity, high = -Infinity;
  for (let i = 0; i < AROUND; i++) {
    const { right, up, back } = axesOf(2 * Math.PI * i / AROUND + 0.1, elevation);
    for (const corner of cornersOf(box)) {
      const depth = SLOPE * (far - dot(corner, back));
      if (depth <= 0) return { across: Infinity, low: -Infinity, high: Infinity };
      across = Math.max(across, Math.abs(dot(corner, right)) / depth);
      low = Math.min(low, dot(corner, up) / depth);
      high = Math.max(high, dot(corner, up) / depth);
    }
  }
  return { across, low, high };
}
// The distance at zoom 1, and how far the picture is moved up so that the box is in its middle.
const fits = new Map();
function fit(box, elevation, width, height) {
  const key = [...box, elevation, width, height].join();
  if (fits.has(key)) return fits.get(key);
  const wide = (width - 2 * BESIDE) / height, tall = (height - 2 * ABOVE) / height;
  let [near, far] = [0.1, 60];
  for (let i = 0; i < 40; i++) {
    const middle = (near + far) / 2, { across, low, high } = reach(box, elevation, middle);
    if (across > Math.max(0.1, wide) || (high - low) / 2 > Math.max(0.1, tall)) near = middle;
    else far = middle;
  }
  const { low, high } = reach(box, elevation, far);
  fits.set(key, { far, lift: -(low + high) / 2 });
  return fits.get(key);
}
// The page's own camera, as the figure has it.
function pageCamera() {
  const { eye } = figures.find(({ place }) => place === "relief").panel.figures[0].layout.scene.camera;
  const elevation = Math.atan2(eye.z, Math.hypot(eye.x, eye.y));
  return { azimuth: Math.atan2(eye.y, eye.x), elevation, zoom: 1, center: [0, 0, 0] };
}
// What a camera sees in a window: `matrix` (by columns) takes the box to clip space, `at` to pixels and a depth.
function viewOf(camera, box, width, height) {
  const { right, up, back } = axesOf(camera.azimuth, camera.elevation);
  const { far, lift } = fit(box, pageCamera().elevation, width, height);
  const distance = far * camera.zoom, aspect = width / height, near = distance / 50, end = distance + 4;
  const rows = [
    [...right.map(r => r / (SLOPE * aspect)), -dot(right, camera.center) / (SLOPE * aspect)],
    [...up.map((u, i) => u / SLOPE - lift * back[i]), -dot(up, camera.center) / SLOPE + lift * (dot(back, camera.center) + distance)],
    [...back.map(b => -b * (end + near) / (end - near)), 0],
    [...back.map(b => -b), dot(back, camera.center) + distance],
  ];
  rows[2][3] = (dot(back, camera.center) + distance) * (end + near) / (end - near) - 2 * end * near / (end - near);
  const at = p => {
    const [x, y, , w] = rows.map(row => dot(row, p) + row[3]);
    return [width * (1 + x / w) / 2, height * (1 - y / w) / 2, w];
  };
  const matrix = new Float32Array([0, 1, 2, 3].flatMap(column => rows.map(row => row[column])));
  const eye = back.map((b, i) => camera.center[i] + b * distance);
  return { matrix, at, eye, right, up, distance };
}

function turnedBy(camera, around, upward) {
  const elevation = Math.max(-STEEPEST, Math.min(STEEPEST, camera.elevation + upward));
  return { ...camera, azimuth: camera.azimuth + around, elevation };
}
function zoomedBy(camera, factor) {
  return { ...camera, zoom: Math.max(NEAREST, Math.min(FARTHEST, camera.zoom * factor)) };
}
// By shares of the window's height.
function movedBy(camera, across, upward, distance) {
  const { right, up } = axesOf(camera.azimuth, camera.elevation), size = 2 * SLOPE * distance;
  return { ...camera, center: camera.center.map((c, i) => c - size * (across * right[i] + upward * up[i])) };
}

// All reliefs see with the new camera at the next frame.
let waiting = false;
function look(camera) {
  state.camera = camera;
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    for (const figure of figures) if (figure.place === "relief") paint(figure);
    tellOutside();
  });
}
