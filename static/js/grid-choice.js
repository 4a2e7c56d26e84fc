// Choosing faces: a set of positions, shown by the boxes under the pictures.

import { form, grid, positionOf, tileAt } from "./grid.js";

export const chosen = new Set();

export function choose(position, on) {
  if (on) chosen.add(position);
  else chosen.delete(position);
  const box = tileAt(position)?.querySelector("[name=face]");
  if (box) box.checked = on;
}

export function chosenShow() {
  const count = form.querySelector(".chosen-count");
  count.hidden = !chosen.size;
  count.querySelector("strong").textContent = chosen.size;
  form.toggleAttribute("data-chosen", chosen.size > 0);
  form.toggleAttribute("data-every", chosen.size > 0 && chosen.size === grid.tiles.length);
  for (const button of form.querySelectorAll("[data-chosen-only]")) button.disabled = !chosen.size;
}

export function chooseNone() {
  for (const position of [...chosen]) choose(position, false);
  grid.anchor = null;
  chosenShow();
}

export function chooseAll() {
  for (const tile of grid.tiles) choose(positionOf(tile), true);
  chosenShow();
}

export function chooseRange(from, to) {
  const places = [from, to].map((position) => grid.tiles.indexOf(tileAt(position))).sort((a, b) => a - b);
  for (const tile of grid.tiles.slice(places[0], places[1] + 1)) choose(positionOf(tile), true);
  chosenShow();
}

// Exactly these positions, and no others.
export function chooseOnly(positions) {
  for (const position of [...chosen]) if (!positions.has(position)) choose(position, false);
  for (const position of positions) if (!chosen.has(position)) choose(position, true);
  chosenShow();
}

const everything = document.querySelector("#choose-all");
everything.hidden = false;
everything.addEventListener("click", chooseAll);
