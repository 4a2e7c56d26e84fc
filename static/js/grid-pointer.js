// What a click in the grid does: the box chooses, Shift chooses all between, the picture shows it large.

import { choose, chooseRange, chosenShow } from "./grid-choice.js";
import { zoomShow } from "./grid-zoom.js";
import { focusOn, form, grid, positionOf } from "./grid.js";

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
    grid.anchor ??= grid.current;
    chooseRange(grid.anchor, position);
  } else if (box) {
    choose(position, box.checked);
    grid.anchor = position;
    chosenShow();
  } else {
    zoomShow(position);
  }
  focusOn(position, { quiet: true });
});
