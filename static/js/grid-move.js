// Moving over the tiles by arrows: by rows as they lie on the screen, so that bands and widths don't matter.

import { chooseRange } from "./grid-choice.js";
import { focusOn, grid, positionOf, tileAt } from "./grid.js";

export function move(event, key) {
  const { tiles } = grid;
  if (!tiles.length) return false;
  const here = tileAt(grid.current);
  const next = key === "ArrowLeft" || key === "ArrowRight"
    ? tiles[tiles.indexOf(here) + (key === "ArrowLeft" ? -1 : 1)]
    : beside(here, key === "ArrowUp" ? -1 : 1);
  const focused = document.activeElement?.closest?.(".tile") || document.querySelector("#zoom[open]");
  const target = focused ? next : here;
  if (!target) return true;
  if (event.shiftKey) {
    grid.anchor ??= grid.current;
    focusOn(positionOf(target));
    chooseRange(grid.anchor, grid.current);
  } else {
    grid.anchor = null;
    focusOn(positionOf(target));
  }
  return true;
}

// The tile above or below, in the next row of its own or of the band beyond.
export function beside(tile, step) {
  const { tiles } = grid;
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
