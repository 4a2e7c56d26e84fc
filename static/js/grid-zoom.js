// The large picture of one face; the keys of the page go on working in it.

import { focusOn, form, grid, tileAt } from "./grid.js";

export const zoom = document.querySelector("#zoom");
let zoomed = null; // position of the tile in the large picture

export function zoomShow(position) {
  zoomed = position;
  const tile = tileAt(position);
  const image = zoom.querySelector("img");
  const shot = tile.querySelector(".shot");
  image.src = shot.dataset.zoom;
  image.alt = tile.querySelector("img").alt;
  zoom.querySelector("a").href = shot.href;
  const caption = zoom.querySelector(".zoom-caption");
  const parts = tile.querySelectorAll(".mark, .own, .reasons, .tile-note");
  caption.replaceChildren(...[...parts].map((part) => part.cloneNode(true)));
  if (!zoom.open) zoom.showModal();
}

export function zoomToggle() {
  if (zoom.open) zoom.close();
  else if (grid.current) zoomShow(grid.current);
}

form.addEventListener("gridfocus", (event) => {
  if (!zoom.open) return;
  event.preventDefault();
  zoomShow(event.detail);
});

// Closing gives the focus back to where the dialog was opened; the one looked at last is meant.
zoom.addEventListener("close", () => focusOn(zoomed));
zoom.addEventListener("click", (event) => {
  if (event.target === zoom || event.target.closest("[data-close], img")) zoom.close();
});
