// Histograms of scores: Tab goes from one to the next, arrows from bar to bar within. Without it every
// bar is a link on Tab's way. On the page of one bar's faces the arrows go to the bars beside it.

import { keysStart } from "./keys.js";

const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

function barsOf(node) {
  return [...node.closest("svg.scores").querySelectorAll("a")];
}

function start(root) {
  for (const plot of root.querySelectorAll("svg.scores")) {
    for (const [place, bar] of plot.querySelectorAll("a").entries()) bar.setAttribute("tabindex", place ? "-1" : "0");
  }
}

document.addEventListener("keydown", (event) => {
  const bar = event.target.closest?.("svg.scores a");
  if (!bar || event.ctrlKey || event.altKey || event.metaKey) return;
  const bars = barsOf(bar);
  const here = bars.indexOf(bar);
  const next = event.key === "Home" ? bars[0] : event.key === "End" ? bars.at(-1) : bars[here + STEPS[event.key]];
  if (!next || next === bar) return;
  event.preventDefault();
  bar.setAttribute("tabindex", "-1");
  next.setAttribute("tabindex", "0");
  next.focus();
});

document.addEventListener("htmx:afterSettle", (event) => start(event.target));
start(document);
keysStart();
