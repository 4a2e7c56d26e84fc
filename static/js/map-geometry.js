// Which points lie in a lasso, and which is nearest to the pointer: for a million points, in some hundredths of a
// second. Places are one array, x and y in turn.

const BANDS = 256;

/** The points inside a polygon ([[x, y], …], by the even-odd rule) for which `there` holds, ascending. */
export function pointsInside(xy, polygon, there) {
  const edges = polygon.map((corner, at) => [corner, polygon[(at + 1) % polygon.length]]);
  const xs = polygon.map((corner) => corner[0]);
  const ys = polygon.map((corner) => corner[1]);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  if (polygon.length < 3 || !(high > low)) return new Uint32Array(0);
  // Each edge lies in the bands of y that it crosses, so that a point is compared with a few edges and not all.
  const band = (y) => Math.min(BANDS - 1, Math.max(0, Math.floor(((y - low) / (high - low)) * BANDS)));
  const bands = Array.from({ length: BANDS }, () => []);
  for (const [[x1, y1], [x2, y2]] of edges) {
    for (let at = band(Math.min(y1, y2)); at <= band(Math.max(y1, y2)); at += 1) bands[at].push(x1, y1, x2, y2);
  }
  const flat = bands.map((corners) => Float64Array.from(corners));
  const found = new Uint32Array(xy.length / 2);
  let count = 0;
  for (let point = 0; point < found.length; point += 1) {
    const x = xy[2 * point];
    const y = xy[2 * point + 1];
    if (x < left || x > right || y < low || y > high) continue;
    if (isInside(flat[band(y)], x, y) && there(point)) found[count++] = point;
  }
  return found.slice(0, count);
}

function isInside(corners, x, y) {
  let inside = false;
  for (let at = 0; at < corners.length; at += 4) {
    const y1 = corners[at + 1];
    const y2 = corners[at + 3];
    if (y1 > y !== y2 > y && x < ((corners[at + 2] - corners[at]) * (y - y1)) / (y2 - y1) + corners[at]) inside = !inside;
  }
  return inside;
}

/** Cells of a square grid over [−1, 1], each with its points: finds the nearest point without looking at all. */
export class Cells {
  constructor(xy, side = Math.min(512, Math.max(8, Math.ceil(Math.sqrt(xy.length / 8))))) {
    this.xy = xy;
    this.side = side;
    const points = xy.length / 2;
    this.starts = new Uint32Array(side * side + 1);
    this.points = new Uint32Array(points);
    const cells = new Int32Array(points);
    for (let point = 0; point < points; point += 1) {
      cells[point] = xy[2 * point] > 2 ? -1 : this.#row(xy[2 * point + 1]) * side + this.#row(xy[2 * point]);
      if (cells[point] >= 0) this.starts[cells[point] + 1] += 1;
    }
    for (let cell = 0; cell < side * side; cell += 1) this.starts[cell + 1] += this.starts[cell];
    const next = this.starts.slice();
    for (let point = 0; point < points; point += 1) {
      if (cells[point] >= 0) this.points[next[cells[point]]++] = point;
    }
  }

  #row(value) {
    return Math.min(this.side - 1, Math.max(0, Math.floor(((value + 1) / 2) * this.side)));
  }

  /** The nearest point within this distance for which `there` holds; −1 for none. */
  nearest(x, y, distance, there) {
    let [best, least] = [-1, distance * distance];
    for (let row = this.#row(y - distance); row <= this.#row(y + distance); row += 1) {
      for (let column = this.#row(x - distance); column <= this.#row(x + distance); column += 1) {
        const cell = row * this.side + column;
        for (let at = this.starts[cell]; at < this.starts[cell + 1]; at += 1) {
          const point = this.points[at];
          const away = (this.xy[2 * point] - x) ** 2 + (this.xy[2 * point + 1] - y) ** 2;
          if (away < least && there(point)) [best, least] = [point, away];
        }
      }
    }
    return best;
  }
}
