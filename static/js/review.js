// The grid of faces on the cluster page and in the noise gallery: focus, choice, large picture, tile
// size, and buttons that save at once through the outbox. Without it the same form posts as it is.

import { helpStart, keysStart } from "./keys.js";
import { Outbox } from "./outbox.js";

const form = document.querySelector("#review-form");
const zoom = document.querySelector("#zoom");
const SIZE = "corrugator.tile-size";
let tiles = [];
let current = null; // position of the tile that has, or had last, the focus
let zoomed = null; // position of the tile in the large picture
let anchor = null; // where a choice with Shift began
const chosen = new Set();

const tileAt = (position) => document.getElementById(`face-${position}`);
const positionOf = (tile) => tile.dataset.position;
const isNoise = !document.querySelector("#next-form");

function tilesRead() {
  tiles = [...form.querySelectorAll(".tile")];
  for (const tile of tiles) {
    tile.querySelector(".shot").tabIndex = -1;
    tile.querySelector("[name=face]").tabIndex = -1;
  }
  if (!current || !tileAt(current)) current = tiles.length ? positionOf(tiles[0]) : null;
  if (current) tileAt(current).querySelector(".shot").tabIndex = 0;
}

function focusOn(position, { quiet = false } = {}) {
  const before = current && tileAt(current);
  if (before) before.querySelector(".shot").tabIndex = -1;
  current = position;
  const shot = tileAt(position).querySelector(".shot");
  shot.tabIndex = 0;
  if (zoom.open) zoomShow(position);
  else if (!quiet) shot.focus();
  tileAt(position).scrollIntoView({ block: "nearest" });
}

// Choice

function choose(position, on) {
  if (on) chosen.add(position);
  else chosen.delete(position);
  const tile = tileAt(position);
  tile.querySelector("[name=face]").checked = on;
}

function chosenShow() {
  const count = form.querySelector(".chosen-count");
  count.hidden = !chosen.size;
  count.querySelector("strong").textContent = chosen.size;
  form.toggleAttribute("data-chosen", chosen.size > 0);
  form.toggleAttribute("data-every", chosen.size > 0 && chosen.size === tiles.length);
}

function chooseNone() {
  for (const position of [...chosen]) choose(position, false);
  anchor = null;
  chosenShow();
}

function chooseAll() {
  for (const tile of tiles) choose(positionOf(tile), true);
  chosenShow();
}

function chooseRange(from, to) {
  const places = [from, to].map((position) => tiles.indexOf(tileAt(position))).sort((a, b) => a - b);
  for (const [place, tile] of tiles.entries()) {
    if (place >= places[0] && place <= places[1]) choose(positionOf(tile), true);
  }
  chosenShow();
}

// Moving: by rows as they lie on the screen, so that bands and widths don't matter.

function move(event, key) {
  if (!tiles.length) return false;
  const here = tileAt(current);
  const next = key === "ArrowLeft" || key === "ArrowRight"
    ? tiles[tiles.indexOf(here) + (key === "ArrowLeft" ? -1 : 1)]
    : beside(here, key === "ArrowUp" ? -1 : 1);
  const focused = document.activeElement?.closest?.(".tile") || zoom.open;
  const target = focused ? next : here;
  if (!target) return true;
  if (event.shiftKey) {
    anchor ??= current;
    focusOn(positionOf(target));
    chooseRange(anchor, current);
  } else {
    anchor = null;
    focusOn(positionOf(target));
  }
  return true;
}

function beside(tile, step) {
  const from = tile.getBoundingClientRect();
  const middle = from.left + from.width / 2;
  let row = null;
  let best = null;
  for (let place = tiles.indexOf(tile) + step; tiles[place]; place += step) {
    const box = tiles[place].getBoundingClientRect();
    if (Math.abs(box.top - from.top) < 4) continue;
    if (row === null) row = box.top;
    if (Math.abs(box.top - row) >= 4) break;
    const away = Math.abs(box.left + box.width / 2 - middle);
    if (!best || away < best.away) best = { tile: tiles[place], away };
  }
  return best?.tile;
}

// Large picture

function zoomShow(position) {
  zoomed = position;
  const tile = tileAt(position);
  const image = zoom.querySelector("img");
  const shot = tile.querySelector(".shot");
  image.src = shot.dataset.zoom;
  image.alt = tile.querySelector("img").alt;
  zoom.querySelector("a").href = shot.href;
  const caption = zoom.querySelector(".zoom-caption");
  caption.replaceChildren(...[...tile.querySelectorAll(".mark, .own, .reasons")].map((part) => part.cloneNode(true)));
  if (!zoom.open) zoom.showModal();
}

// Closing gives the focus back to where the dialog was opened; the one looked at last is meant.
zoom.addEventListener("close", () => focusOn(zoomed));
zoom.addEventListener("click", (event) => {
  if (event.target === zoom || event.target.closest("[data-close], img")) zoom.close();
});

// Saving

const page = Object.fromEntries(["page", "protocol", "reason"].map((name) => [name, form.elements[name]?.value]));

function act(action, faces) {
  if (action !== "undo" && action !== "redo") {
    for (const face of faces) tileAt(face)?.setAttribute("data-saving", "");
  }
  const seen = {};
  for (const face of faces.length ? faces : tiles.map(positionOf)) seen[face] = tokenOf(face);
  outbox.add({
    action,
    faces,
    seen,
    page: page.page,
    reason: page.reason,
    protocol: page.protocol,
    au: form.querySelector("[name=au]:checked")?.value ?? "",
    unsure: form.elements.unsure?.checked ? "1" : "",
    note: form.elements.note?.value ?? "",
  });
  if (form.elements.unsure) form.elements.unsure.checked = false;
  if (form.elements.note) form.elements.note.value = "";
  chooseNone();
}

const tokenOf = (face) => tileAt(face)?.querySelector("[name=seen]").value.split(":")[1] ?? "";

const outbox = new Outbox(form, {
  fill(item, values) {
    for (const name of ["page", "reason", "protocol", "au", "unsure", "note"]) values.set(name, item[name] ?? "");
    for (const name of ["undo", "redo"]) values.set(name, form.elements[name].value);
    if (item.action === "undo" || item.action === "redo") return;
    values.set("face", item.faces.join(" "));
    values.set("seen", Object.entries(item.seen).map(([face, token]) => `${face}:${token}`).join(" "));
  },
  answered(html, item) {
    htmx.swap("#review-status", html, { swapStyle: "outerHTML" });
    statesShow();
    for (const tile of form.querySelectorAll("[data-saving]")) tile.removeAttribute("data-saving");
    // What waits behind this one was decided on the page as it is now known to be.
    for (const later of outbox.items) {
      for (const face of Object.keys(later.seen)) later.seen[face] = tokenOf(face);
    }
    if (zoom.open) zoomShow(current);
    // The button that was pressed may have been swapped away; the keyboard goes back to the faces.
    else if (document.activeElement === document.body) tileAt(current)?.querySelector(".shot").focus({ preventScroll: true });
  },
});

// The server's word on the faces that changed: one template for all that are alike.
function statesShow() {
  for (const state of document.querySelectorAll("#tile-states template")) {
    for (const face of state.dataset.faces.trim().split(" ")) {
      const tile = tileAt(face);
      if (!tile) continue;
      tile.dataset.state = state.dataset.state;
      tile.querySelector("[name=seen]").value = `${face}:${state.dataset.token}`;
      tile.querySelector(".own")?.remove();
      tile.querySelector(".shot").after(state.content.cloneNode(true));
    }
  }
}

form.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button || button.name !== "action") return;
  event.preventDefault();
  const faces = [...chosen];
  if (button.dataset.one !== undefined && !faces.length && current) faces.push(current);
  act(button.value, faces);
});

// Next

const next = document.querySelector("#next");
const question = document.querySelector("#undecided");

async function nextGo() {
  next.setAttribute("aria-busy", "true");
  await outbox.empty();
  document.querySelector("#next-form").submit();
}

next?.addEventListener("click", async (event) => {
  event.preventDefault();
  if (next.getAttribute("aria-busy") === "true" || question.open) return;
  await outbox.empty();
  const left = Number(document.querySelector("#review-status").dataset.undecided);
  if (!left) return nextGo();
  for (const count of question.querySelectorAll(".undecided-count")) count.textContent = left;
  question.returnValue = "stay";
  question.showModal();
});

question?.addEventListener("close", () => {
  if (question.returnValue === "accept") act("accept", []);
  if (question.returnValue === "accept" || question.returnValue === "leave") nextGo();
});

// Pointer

form.addEventListener("click", (event) => {
  const tile = event.target.closest(".tile");
  if (!tile) return;
  const position = positionOf(tile);
  const box = event.target.closest("[name=face]");
  const shot = event.target.closest(".shot");
  if (!box && !shot) return;
  if (shot && !event.shiftKey && (event.ctrlKey || event.metaKey)) return; // a new tab, as with any link
  if (shot) event.preventDefault();
  if (event.shiftKey) {
    anchor ??= current;
    chooseRange(anchor, position);
  } else if (box) {
    choose(position, box.checked);
    anchor = position;
    chosenShow();
  } else {
    zoomShow(position);
  }
  focusOn(position, { quiet: true });
});

form.addEventListener("focusin", (event) => {
  const tile = event.target.closest(".tile");
  if (tile) current = positionOf(tile);
});

const everything = document.querySelector("#choose-all");
everything.hidden = false;
everything.addEventListener("click", chooseAll);

// Size of the tiles, remembered in the browser

function sizeSet(size) {
  form.dataset.size = size;
  for (const button of form.querySelectorAll(".sizes button")) {
    button.setAttribute("aria-pressed", String(button.dataset.size === size));
  }
}

const sizes = form.querySelector(".sizes");
sizes.hidden = false;
sizes.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  localStorage.setItem(SIZE, button.dataset.size);
  sizeSet(button.dataset.size);
});
sizeSet(localStorage.getItem(SIZE) ?? "m");

const one = (action) => () => act(action, chosen.size ? [...chosen] : [current]);
const help = helpStart();
const commands = {
  move,
  choose() { choose(current, !chosen.has(current)); chosenShow(); },
  clear() { if (zoom.open || !chosen.size) return false; chooseNone(); return true; },
  zoom() { if (zoom.open) zoom.close(); else zoomShow(current); },
  help,
};
if (!isNoise) {
  commands.present = one("present");
  commands.absent = one("absent");
  commands.next = () => next.click();
}
tilesRead();
chosenShow();
keysStart(commands);
if (tiles.length) focusOn(current);
outbox.show();
outbox.send();
