// The large picture: zoom about the pointer, pan, and the flicker with the neutral face in the same place.
// The picture is only ever enlarged evenly; what lies over it (R and L) stays.

const MOST = 16;
const STEP = 1.25;
const HELD = 300; // ms: a key held longer shows the neutral face only as long as it is held

export function viewStart() {
  const view = document.querySelector("#view");
  const inner = view.querySelector(".view-inner");
  const picture = document.querySelector("#picture");
  const share = document.querySelector("#zoom-share");
  let scale = 1;
  let x = 0;
  let y = 0;

  function show() {
    const { clientWidth: width, clientHeight: height } = view;
    x = Math.min(0, Math.max(width * (1 - scale), x));
    y = Math.min(0, Math.max(height * (1 - scale), y));
    inner.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    view.classList.toggle("enlarged", scale > 1);
    const pixel = Math.min(width / picture.naturalWidth, height / picture.naturalHeight) * scale;
    inner.classList.toggle("coarse", pixel >= 8);
    share.textContent = `${Math.round(scale * 100)}%`;
  }

  function zoom(factor, at = { x: view.clientWidth / 2, y: view.clientHeight / 2 }) {
    const wanted = Math.min(MOST, Math.max(1, scale * factor));
    x = at.x - (at.x - x) * (wanted / scale);
    y = at.y - (at.y - y) * (wanted / scale);
    scale = wanted;
    show();
  }

  function fit() {
    scale = 1;
    show();
  }

  // The frame takes the shape of the first picture; later ones lie in it as they are.
  function frameFit() {
    view.style.aspectRatio = `${picture.naturalWidth} / ${picture.naturalHeight}`;
    view.classList.add("fitted");
    show();
  }
  if (picture.complete && picture.naturalWidth) frameFit();
  else picture.addEventListener("load", frameFit, { once: true });

  const place = (event) => {
    const box = view.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  // At the whole picture a turn away from it scrolls the page, as anywhere else.
  view.addEventListener("wheel", (event) => {
    if (event.ctrlKey || (scale === 1 && event.deltaY > 0)) return;
    event.preventDefault();
    zoom(Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) / 200), place(event));
  }, { passive: false });
  view.addEventListener("dblclick", (event) => zoom(2, place(event)));
  view.removeAttribute("href"); // the picture alone is linked below it
  view.addEventListener("dragstart", (event) => event.preventDefault());
  view.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || scale === 1) return;
    view.setPointerCapture(event.pointerId);
    view.classList.add("panning");
  });
  view.addEventListener("pointermove", (event) => {
    if (!view.hasPointerCapture(event.pointerId)) return;
    x += event.movementX;
    y += event.movementY;
    show();
  });
  view.addEventListener("lostpointercapture", () => view.classList.remove("panning"));
  addEventListener("resize", show);
  picture.addEventListener("load", show);
  document.querySelector("#zoom-in").addEventListener("click", () => zoom(STEP));
  document.querySelector("#zoom-out").addEventListener("click", () => zoom(1 / STEP));
  document.querySelector("#zoom-fit").addEventListener("click", fit);
  show();

  return {
    in: () => zoom(STEP),
    out: () => zoom(1 / STEP),
    fit,
    // Whether the key moved the enlarged picture.
    pan(key) {
      if (scale === 1) return false;
      const by = 0.15 * Math.min(view.clientWidth, view.clientHeight);
      x += { ArrowLeft: by, ArrowRight: -by }[key] ?? 0;
      y += { ArrowUp: by, ArrowDown: -by }[key] ?? 0;
      show();
      return true;
    },
    flicker: flickerStart(inner),
  };
}

// The neutral face over the picture, in the same size and place: as long as the key is held, or until the
// next press after a short one. Returns the command of the key.
function flickerStart(inner) {
  const button = document.querySelector("#flicker");
  const neutral = document.querySelector("#neutral");
  if (!button || !neutral) return () => false;
  const over = new Image();
  over.id = "flicker-over";
  over.alt = neutral.alt;
  over.src = neutral.src;
  over.hidden = true;
  inner.append(over);
  const mark = document.querySelector(".flicker-mark");
  let held = null; // {key, at} of the press that shows it now

  function show(on) {
    over.hidden = !on;
    mark.hidden = !on;
    button.setAttribute("aria-pressed", String(on));
  }

  button.addEventListener("click", () => show(over.hidden));
  document.addEventListener("keyup", (event) => {
    if (!held || event.key.toLowerCase() !== held.key) return;
    if (performance.now() - held.at > HELD) show(false);
    held = null;
  });
  return (event, key) => {
    if (event.repeat) return true;
    if (over.hidden) held = { key: key.toLowerCase(), at: performance.now() };
    show(over.hidden);
    return true;
  };
}
