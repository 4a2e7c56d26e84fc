// The size of the tiles: any, by a slider, remembered in the browser for every grid of faces.

import { form } from "./grid.js";

const SIZE = "corrugator.tile-size";
const NAMED = { s: "88", m: "132", l: "224" }; // what an earlier version remembered

const slider = form.querySelector(".sizes input");

function sizeSet(size) {
  form.style.setProperty("--face", `${size}px`);
  form.toggleAttribute("data-small", size < 112);
}

const kept = localStorage.getItem(SIZE);
const size = Number(NAMED[kept] ?? kept);
if (size >= Number(slider.min) && size <= Number(slider.max)) slider.value = size;
form.querySelector(".sizes").hidden = false;
sizeSet(slider.valueAsNumber);
slider.addEventListener("input", () => {
  localStorage.setItem(SIZE, slider.value);
  sizeSet(slider.valueAsNumber);
});
