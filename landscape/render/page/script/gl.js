// WebGL: what a relief is made of, in pixels.
// Owns: the one context that draws all reliefs, its three programs (surfaces, lines, dots), and the buffers. Knows no figure.

const PLACE = `
  uniform mat4 seen; uniform vec3 box; uniform vec2 drawn;
  vec3 placed(vec3 p) { return (vec3(p.xy, (p.z - drawn.x) / (drawn.y - drawn.x)) - 0.5) * box; }`;
const OUTSIDE = "if (share < drawn.x - 1e-5 || share > drawn.y + 1e-5) discard;";
const PROGRAMS = {
  // Light from one side and from everywhere; the colour is that of the height.
  surface: [`
    in vec3 point; in vec2 slope; out float share; out vec3 normal;
    void main() {
      share = point.z;
      float steep = box.z / (drawn.y - drawn.x);
      normal = vec3(-slope.x * steep / box.x, -slope.y * steep / box.y, 1.0);
      gl_Position = seen * vec4(placed(point), 1.0);
    }`, `
    uniform sampler2D colors; uniform vec3 lamp; uniform vec2 light; uniform float opacity;
    uniform vec2 drawn; in float share; in vec3 normal; out vec4 color;
    void main() {
      ${OUTSIDE}
      float lit = light.x + light.y * max(0.0, dot(normalize(normal), lamp));
      color = vec4(min(vec3(1.0), texture(colors, vec2(clamp(share, 0.0, 1.0) * 64.0 / 65.0 + 0.5 / 65.0, 0.5)).rgb * lit), 1.0) * opacity;
    }`],
  // A line is a strip that faces the window, a little nearer than it is, so that a surface does not hide what lies on it.
  line: [`
    uniform vec2 size; uniform float width, nearer; in vec3 start, end; out float share;
    void main() {
      vec4 a = seen * vec4(placed(start), 1.0), b = seen * vec4(placed(end), 1.0);
      vec2 way = (b.xy / b.w - a.xy / a.w) * size, across = length(way) > 0.0 ? normalize(vec2(-way.y, way.x)) : vec2(0.0);
      bool last = gl_VertexID > 1;
      vec4 p = last ? b : a;
      share = last ? end.z : start.z;
      p.xy += (gl_VertexID % 2 == 0 ? 1.0 : -1.0) * across * width / size * p.w;
      p.z -= nearer * p.w;
      gl_Position = p;
    }`, `
    uniform vec4 paint; uniform vec2 drawn; in float share; out vec4 color;
    void main() { ${OUTSIDE} color = vec4(paint.rgb * paint.a, paint.a); }`],
  dot: [`
    uniform float nearer, scale; in vec3 point; in float wide; out float share, rim;
    void main() {
      gl_Position = seen * vec4(placed(point), 1.0);
      gl_Position.z -= nearer * gl_Position.w;
      gl_PointSize = wide * scale; share = point.z; rim = wide < 6.0 ? 2.0 : 1.0 - 2.0 / wide;
    }`, `
    uniform vec4 paint; uniform vec2 drawn; uniform float cross; in float share, rim; out vec4 color;
    void main() {
      ${OUTSIDE}
      vec2 at = abs(2.0 * gl_PointCoord - 1.0);
      float far = cross > 0.5 ? max(at.x, at.y) : length(at), off = cross > 0.5 ? min(at.x, at.y) : 0.0;
      if (far > 1.0 || off > 0.3) discard;
      color = (far > rim || off > 0.13 ? vec4(1.0) : vec4(paint.rgb, 1.0)) * paint.a;
    }`],
};

let gl = null;
const programs = {};

// Whether there is WebGL.
function startGl() {
  gl = document.createElement("canvas").getContext("webgl2", { antialias: true, alpha: true, preserveDrawingBuffer: false });
  return gl !== null;
}
function program(name) {
  if (programs[name]) return programs[name];
  const made = gl.createProgram(), [vertex, fragment] = PROGRAMS[name];
  for (const [kind, text] of [[gl.VERTEX_SHADER, PLACE + vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, "#version 300 es\nprecision highp float;\n" + text);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error("WebGL: " + gl.getProgramInfoLog(made));
  return programs[name] = made;
}
// The program in use, with its numbers set: arrays of 1 to 4, or a matrix.
function use(name, values) {
  const used = program(name);
  gl.useProgram(used);
  for (const [key, value] of Object.entries(values)) {
    const at = gl.getUniformLocation(used, key);
    if (value.length === 16) gl.uniformMatrix4fv(at, false, value);
    else gl["uniform" + value.length + "fv"](at, value);
  }
  return used;
}
function buffer(values, kind = gl.ARRAY_BUFFER) {
  const made = gl.createBuffer();
  gl.bindBuffer(kind, made);
  gl.bufferData(kind, values, gl.STATIC_DRAW);
  return made;
}
// An input of the program: `size` numbers of every `stride`, once per vertex or per instance.
function input(used, name, size, stride, offset, perInstance = 0) {
  const at = gl.getAttribLocation(used, name);
  gl.enableVertexAttribArray(at);
  gl.vertexAttribPointer(at, size, gl.FLOAT, false, 4 * stride, 4 * offset);
  gl.vertexAttribDivisor(at, perInstance);
}
function colorsOf(scale) {
  const pixels = new Uint8Array(scale.flatMap(([, color]) => [...rgb(color), 255])), made = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, made);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, scale.length, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
  for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, side, gl.LINEAR);
  for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
  return made;
}
function rgb(color) {
  return [1, 3, 5].map(i => parseInt(color.slice(i, i + 2), 16));
}
