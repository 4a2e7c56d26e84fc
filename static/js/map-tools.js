// The hand on the map: move, zoom, lasso, box, hover. Its keys are in the registry (keys.js).

const STEP = 60; // pixels that an arrow key moves
const REACH = 10; // pixels from which a point is still meant
const DRAWN = 3; // pixels between two corners of a lasso

export class Tools {
  /** `on`: lasso(corners on the plane, {add, remove}), hover(x, y or null), click(x, y). */
  constructor(plot, { overlay, buttons, on }) {
    this.plot = plot;
    this.canvas = plot.canvas;
    this.shape = overlay.querySelector("path");
    this.buttons = buttons;
    this.on = on;
    this.tool = "lasso";
    this.corners = null;
    this.canvas.addEventListener("pointerdown", (event) => this.#down(event));
    this.canvas.addEventListener("pointermove", (event) => this.#move(event));
    this.canvas.addEventListener("pointerup", (event) => this.#up(event));
    this.canvas.addEventListener("pointercancel", () => this.#drop());
    this.canvas.addEventListener("pointerleave", () => this.on.hover(null));
    this.canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    for (const button of buttons) button.addEventListener("click", () => this.use(button.dataset.tool));
    this.use(this.tool);
  }

  use(tool) {
    this.tool = tool;
    this.canvas.dataset.tool = tool;
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
  }

  #at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #down(event) {
    if (event.button > 1) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.focus({ preventScroll: true });
    this.start = this.last = this.#at(event);
    this.moving = this.tool === "move" || event.button === 1 || event.altKey;
    this.corners = this.moving ? null : [this.start];
    this.on.hover(null);
  }

  #move(event) {
    const here = this.#at(event);
    if (!this.last) return this.on.hover(...here);
    if (this.moving) {
      this.plot.pan(here[0] - this.last[0], here[1] - this.last[1]);
      this.last = here;
    } else if (Math.hypot(here[0] - this.last[0], here[1] - this.last[1]) >= DRAWN) {
      this.corners.push(here);
      this.last = here;
      this.#outline();
    }
    return undefined;
  }

  #up(event) {
    if (!this.last) return;
    const here = this.#at(event);
    const still = Math.hypot(here[0] - this.start[0], here[1] - this.start[1]) < DRAWN && !(this.corners?.length > 2);
    const drawn = this.#drawn(here);
    this.#drop();
    if (still) this.on.click(...here);
    else if (drawn) {
      this.on.lasso(drawn.map(([x, y]) => this.plot.toPlane(x, y)), { add: event.shiftKey, remove: event.ctrlKey || event.metaKey });
    }
  }

  /** The corners of what was drawn, in pixels; null while moving. */
  #drawn(here) {
    if (!this.corners) return null;
    if (this.tool !== "box") return [...this.corners, here];
    const [x, y] = this.start;
    return [[x, y], [here[0], y], here, [x, here[1]]];
  }

  #outline() {
    const corners = this.#drawn(this.last);
    this.shape.setAttribute("d", `M${corners.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}Z`);
  }

  #drop() {
    this.start = this.last = this.corners = null;
    this.moving = false;
    this.shape.setAttribute("d", "");
  }

  #wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.plot.zoom(2 ** (-(event.deltaY * lines) / 240), ...this.#at(event));
  }

  /** An arrow key moves what one looks at. */
  look(key) {
    const [x, y] = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key];
    this.plot.pan(x * STEP, y * STEP);
  }

  /** Give up what is being drawn; whether anything was. */
  giveUp() {
    const drawing = this.corners !== null;
    this.#drop();
    return drawing;
  }

  /** How far from the pointer a point is still meant, on the plane. */
  get reach() {
    const [x] = this.plot.toPlane(0, 0);
    const [there] = this.plot.toPlane(REACH, 0);
    return there - x;
  }
}
