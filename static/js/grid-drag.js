// Choosing by a band drawn with the mouse over the grid: what it touches is the choice. Shift adds to the
// choice, Ctrl (or ⌘) takes away from it, Escape gives the band up; near the upper or lower edge the page
// scrolls on. Touch scrolls the page as ever.

import { chosen, chooseOnly } from "./grid-choice.js";
import { form, grid, positionOf } from "./grid.js";

const FAR = 6; // px that the mouse must move before it is a band and not a click
const EDGE = 56; // px from the edge of the window in which the page scrolls
const FASTEST = 28; // px a frame

let band = null; // {x, y: where it began on the page; before: the choice then; mode}
let mouse = null; // where the mouse is in the window
let shown = null; // the element that shows the band

form.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || event.pointerType === "touch" || !grid.tiles.length) return;
  if (!event.target.closest(".tiles, .band")) return;
  if (event.target.closest("input, button, select, textarea, label")) return;
  const mode = event.shiftKey ? "add" : event.ctrlKey || event.metaKey ? "remove" : "replace";
  band = { x: event.pageX, y: event.pageY, before: new Set(chosen), mode };
  mouse = { x: event.clientX, y: event.clientY };
  addEventListener("pointermove", moved);
  addEventListener("pointerup", ended, { once: true });
  addEventListener("pointercancel", givenUp, { once: true });
});

// A picture or link must not be dragged away, nor text be marked, where a band is drawn.
form.addEventListener("dragstart", (event) => { if (band) event.preventDefault(); });
document.addEventListener("selectstart", (event) => { if (band) event.preventDefault(); });

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !shown) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  givenUp();
}, true);

function moved(event) {
  mouse = { x: event.clientX, y: event.clientY };
  if (shown) return;
  if (Math.hypot(event.pageX - band.x, event.pageY - band.y) < FAR) return;
  shown = document.createElement("div");
  shown.className = "rubber-band";
  document.body.append(shown);
  form.setAttribute("data-banding", "");
  requestAnimationFrame(step);
}

// One frame: read where the tiles are, then write what is chosen, so that layout is done once.
function step() {
  if (!shown) return;
  scrollBy(0, pull());
  const box = boxOf();
  choiceShow(touched(box));
  shown.style.transform = `translate(${box.left}px, ${box.top}px)`;
  shown.style.width = `${box.right - box.left}px`;
  shown.style.height = `${box.bottom - box.top}px`;
  requestAnimationFrame(step);
}

function pull() {
  const bar = form.querySelector(".review-bar")?.getBoundingClientRect();
  const top = Math.max(0, bar?.bottom ?? 0);
  const above = top + EDGE - mouse.y;
  const below = mouse.y - (innerHeight - EDGE);
  if (above > 0) return -Math.min(FASTEST, above / 2);
  return below > 0 ? Math.min(FASTEST, below / 2) : 0;
}

// The band in the window's coordinates.
function boxOf() {
  const x = band.x - scrollX;
  const y = band.y - scrollY;
  return {
    left: Math.min(x, mouse.x), right: Math.max(x, mouse.x),
    top: Math.min(y, mouse.y), bottom: Math.max(y, mouse.y),
  };
}

// Tiles lie row after row: the first that reaches below the band's top is found by halving.
function touched(box) {
  const { tiles } = grid;
  let [low, high] = [0, tiles.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tiles[middle].getBoundingClientRect().bottom < box.top) low = middle + 1;
    else high = middle;
  }
  const found = new Set();
  for (let place = low; place < tiles.length; place += 1) {
    const tile = tiles[place].getBoundingClientRect();
    if (tile.top > box.bottom) break;
    if (tile.right >= box.left && tile.left <= box.right) found.add(positionOf(tiles[place]));
  }
  return found;
}

function choiceShow(found) {
  if (band.mode === "replace") return chooseOnly(found);
  const wanted = new Set(band.before);
  for (const position of found) {
    if (band.mode === "add") wanted.add(position);
    else wanted.delete(position);
  }
  return chooseOnly(wanted);
}

function ended(event) {
  if (shown) {
    mouse = { x: event.clientX, y: event.clientY };
    choiceShow(touched(boxOf()));
    // The click that ends a band opens no picture and follows no link. It comes at once, or not at all.
    addEventListener("click", swallow, { capture: true, once: true });
    setTimeout(() => removeEventListener("click", swallow, { capture: true }), 0);
  }
  finish();
}

function swallow(event) {
  event.preventDefault();
  event.stopPropagation();
}

function givenUp() {
  if (shown) chooseOnly(band.before);
  finish();
}

function finish() {
  removeEventListener("pointermove", moved);
  removeEventListener("pointerup", ended);
  removeEventListener("pointercancel", givenUp);
  shown?.remove();
  form.removeAttribute("data-banding");
  band = null;
  shown = null;
}
