// Points drawn by WebGL 2: a million of them in one call. It knows nothing of faces: places, one colour
// number for each, a palette, and which points are chosen or marked. It draws on the next frame, never at once.

const VERTEX = `#version 300 es
in vec2 place;
in float slot;
uniform vec2 centre;
uniform vec2 scale;
uniform float size;
uniform float strength;
uniform sampler2D palette;
flat out vec4 colour;
void main() {
  vec4 found = texelFetch(palette, ivec2(int(slot), 0), 0);
  colour = vec4(found.rgb, found.a * strength);
  gl_PointSize = size;
  gl_Position = found.a > 0.0 ? vec4((place - centre) * scale, 0.0, 1.0) : vec4(2.0, 2.0, 2.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
flat in vec4 colour;
uniform float size;
uniform vec4 edge;
out vec4 shown;
void main() {
  float away = length(gl_PointCoord - 0.5) * size;
  if (size > 3.0 && away > size * 0.5) discard;
  vec4 painted = edge.a > 0.0 && away > size * 0.5 - 2.0 ? edge : colour;
  shown = vec4(painted.rgb * painted.a, painted.a);
}`;

export const HIDDEN = 255; // the colour number of points that are not drawn
const FAINT = 0.22; // how strongly what isn't chosen is drawn beside what is
const CLOSEST = 4000; // how far one may zoom in
const WIDEST = 0.5;

function program(gl) {
  const made = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  }
  gl.bindAttribLocation(made, 0, "place");
  gl.bindAttribLocation(made, 1, "slot");
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(gl.getProgramInfoLog(made));
  }
  return made;
}

/** An order in which every point comes once and neighbours in number are far apart: the last imported faces
 * would otherwise lie on top. */
export function mixedOrder(count) {
  let step = Math.max(1, Math.floor(count * 0.618));
  const common = (a, b) => (b ? common(b, a % b) : a);
  while (common(count, step) > 1) step += 1;
  const order = new Uint32Array(count);
  for (let at = 0, point = 0; at < count; at += 1) {
    order[at] = point;
    point += step;
    if (point >= count) point -= count;
  }
  return order;
}

/** The browser has no WebGL 2. */
export class NoDrawing extends Error {}

export class Plot {
  /** Throws NoDrawing where the browser has no WebGL 2. */
  constructor(canvas) {
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl2", { antialias: false, alpha: true, premultipliedAlpha: true });
    if (!this.gl) throw new NoDrawing();
    this.count = 0;
    this.xy = new Float32Array(0);
    this.slots = new Uint8Array(0);
    this.palette = new Uint8Array(256 * 4);
    this.chosen = null;
    this.marked = new Uint32Array(0);
    this.edge = [0, 0, 0, 1];
    this.view = { x: 0, y: 0, zoom: 1 };
    this.onView = () => {};
    this.#start();
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => {
      this.#start();
      this.#upload();
    });
    new ResizeObserver(() => this.#resize()).observe(canvas);
    this.#resize();
  }

  // What is drawn

  /** Places (2 × count), one after another; far away for points that aren't there. */
  setPoints(xy) {
    this.xy = xy;
    this.count = xy.length / 2;
    this.slots = new Uint8Array(this.count);
    this.#upload();
  }

  /** The colour number of each point. */
  setSlots(slots) {
    this.slots = slots;
    this.#fill(this.slotBuffer, slots);
    this.draw();
  }

  /** Colours of the 255 numbers, RGBA. */
  setPalette(palette) {
    this.palette = palette;
    this.#paint();
    this.draw();
  }

  /** The points that stand out, or null where none is chosen and all are drawn alike. */
  setChosen(points) {
    this.chosen = points;
    if (points) this.#fill(this.chosenBuffer, points, this.gl.ELEMENT_ARRAY_BUFFER);
    this.draw();
  }

  /** A few points drawn large, with an edge. */
  setMarked(points) {
    this.marked = points;
    this.#fill(this.markedBuffer, points, this.gl.ELEMENT_ARRAY_BUFFER);
    this.draw();
  }

  // Where one looks

  get #unit() {
    return (Math.min(this.width, this.height) / 2.1) * this.view.zoom;
  }

  /** Pixels of the canvas to a place. */
  toPlane(x, y) {
    return [this.view.x + (x - this.width / 2) / this.#unit, this.view.y - (y - this.height / 2) / this.#unit];
  }

  toPixels(x, y) {
    return [(x - this.view.x) * this.#unit + this.width / 2, (this.view.y - y) * this.#unit + this.height / 2];
  }

  pan(dx, dy) {
    this.#look({ x: this.view.x - dx / this.#unit, y: this.view.y + dy / this.#unit });
  }

  /** Zoom by a factor, keeping the place under these pixels where it is. */
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const [planeX, planeY] = this.toPlane(x, y);
    this.view.zoom = Math.min(CLOSEST, Math.max(WIDEST, this.view.zoom * factor));
    const [nowX, nowY] = this.toPlane(x, y);
    this.#look({ x: this.view.x + planeX - nowX, y: this.view.y + planeY - nowY });
  }

  /** Look at everything, or at the box of these points. */
  fit(points = null) {
    if (!points?.length) return this.#look({ x: 0, y: 0, zoom: 1 });
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const point of points) {
      const [x, y] = [this.xy[2 * point], this.xy[2 * point + 1]];
      if (x > 2) continue; // not there
      left = Math.min(left, x);
      right = Math.max(right, x);
      low = Math.min(low, y);
      high = Math.max(high, y);
    }
    if (left > right) return undefined;
    const wide = Math.max(right - left, high - low, 0.02);
    return this.#look({ x: (left + right) / 2, y: (low + high) / 2, zoom: Math.min(8, Math.max(1, 1.6 / wide)) });
  }

  #look(change) {
    Object.assign(this.view, change);
    this.view.x = Math.min(1.2, Math.max(-1.2, this.view.x));
    this.view.y = Math.min(1.2, Math.max(-1.2, this.view.y));
    this.draw();
    this.onView();
  }

  // Drawing

  draw() {
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null;
      this.#render();
    });
  }

  get pointSize() {
    const sparse = Math.sqrt(20_000 / Math.max(this.count, 1));
    const near = Math.sqrt(this.view.zoom);
    return Math.min(12, Math.max(1.5, Math.min(6, 4 * sparse) * near)) * this.density;
  }

  #start() {
    const gl = this.gl;
    this.program = program(gl);
    this.uniform = Object.fromEntries(
      ["centre", "scale", "size", "strength", "palette", "edge"].map((name) => [
        name, gl.getUniformLocation(this.program, name),
      ]),
    );
    this.placeBuffer = gl.createBuffer();
    this.slotBuffer = gl.createBuffer();
    this.orderBuffer = gl.createBuffer();
    this.chosenBuffer = gl.createBuffer();
    this.markedBuffer = gl.createBuffer();
    this.texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  #upload() {
    const gl = this.gl;
    this.#fill(this.placeBuffer, this.xy);
    this.#fill(this.slotBuffer, this.slots);
    this.#fill(this.orderBuffer, mixedOrder(this.count), gl.ELEMENT_ARRAY_BUFFER);
    if (this.chosen) this.#fill(this.chosenBuffer, this.chosen, gl.ELEMENT_ARRAY_BUFFER);
    this.#fill(this.markedBuffer, this.marked, gl.ELEMENT_ARRAY_BUFFER);
    this.#paint();
    this.draw();
  }

  #fill(buffer, values, target = this.gl.ARRAY_BUFFER) {
    this.gl.bindBuffer(target, buffer);
    this.gl.bufferData(target, values, this.gl.STATIC_DRAW);
  }

  #paint() {
    const gl = this.gl;
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, this.palette);
  }

  #resize() {
    this.density = Math.min(2, window.devicePixelRatio || 1);
    this.width = Math.max(1, this.canvas.clientWidth);
    this.height = Math.max(1, this.canvas.clientHeight);
    this.canvas.width = Math.round(this.width * this.density);
    this.canvas.height = Math.round(this.height * this.density);
    this.draw();
    this.onView();
  }

  #render() {
    const gl = this.gl;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!this.count) return;
    gl.useProgram(this.program);
    gl.uniform2f(this.uniform.centre, this.view.x, this.view.y);
    gl.uniform2f(this.uniform.scale, (2 * this.#unit) / this.width, (2 * this.#unit) / this.height);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.placeBuffer);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.slotBuffer);
    gl.enableVertexAttribArray(1);
    gl.vertexAttribPointer(1, 1, gl.UNSIGNED_BYTE, false, 0, 0);
    this.#layer(this.orderBuffer, this.count, { strength: this.chosen ? FAINT : 0.85 });
    if (this.chosen) this.#layer(this.chosenBuffer, this.chosen.length, { more: 1, strength: 1 });
    this.#layer(this.markedBuffer, this.marked.length, { least: 12, strength: 1, edge: this.edge });
  }

  #layer(order, count, { strength, more = 0, least = 0, edge = [0, 0, 0, 0] }) {
    if (!count) return;
    const gl = this.gl;
    gl.uniform1f(this.uniform.strength, strength);
    gl.uniform1f(this.uniform.size, Math.max(least * this.density, this.pointSize + more * this.density));
    gl.uniform4f(this.uniform.edge, ...edge);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, order);
    gl.drawElements(gl.POINTS, count, gl.UNSIGNED_INT, 0);
  }
}
