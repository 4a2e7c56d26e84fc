// A grid of faces: which tiles there are, and which one the keys mean. The other grid-*.js stand on it;
// a page that has a form #review-form with tiles in it can use them.

export const form = document.querySelector("#review-form");
export const grid = {
  tiles: [],
  current: null, // position of the tile that has, or had last, the focus
  anchor: null, // where a choice with Shift began
};

export const tileAt = (position) => document.getElementById(`face-${position}`);
export const positionOf = (tile) => tile.dataset.position;
export const tokenOf = (face) => tileAt(face)?.querySelector("[name=seen]").value.split(":")[1] ?? "";

export function tilesRead() {
  grid.tiles = [...form.querySelectorAll(".tile")];
  for (const tile of grid.tiles) {
    tile.querySelector(".shot").tabIndex = -1;
    tile.querySelector("[name=face]").tabIndex = -1;
  }
  if (!grid.current || !tileAt(grid.current)) grid.current = grid.tiles.length ? positionOf(grid.tiles[0]) : null;
  if (grid.current) tileAt(grid.current).querySelector(".shot").tabIndex = 0;
}

// The face that the keys mean from now on; the event tells the large picture, which then has the focus.
export function focusOn(position, { quiet = false } = {}) {
  const before = grid.current && tileAt(grid.current);
  if (before) before.querySelector(".shot").tabIndex = -1;
  grid.current = position;
  const tile = tileAt(position);
  const shot = tile.querySelector(".shot");
  shot.tabIndex = 0;
  const shown = !form.dispatchEvent(new CustomEvent("gridfocus", { cancelable: true, detail: position }));
  if (!shown && !quiet) shot.focus({ preventScroll: true });
  tile.scrollIntoView({ block: "nearest" });
}

form.addEventListener("focusin", (event) => {
  const tile = event.target.closest(".tile");
  if (tile) grid.current = positionOf(tile);
});
