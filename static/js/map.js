// The map page: fetches places and colours, and ties the plot, its legend, the tools and the panel together.

import { keysStart } from "./keys.js";
import { Cells, pointsInside } from "./map-geometry.js";
import { Legend } from "./map-legend.js";
import { Panel } from "./map-panel.js";
import { HIDDEN, NoDrawing, Plot } from "./map-plot.js";
import { Tools } from "./map-tools.js";
import { colour } from "./theme.js";

const root = document.querySelector("#map");
const form = document.querySelector("#map-colours");
const status = document.querySelector("#map-status");
const search = document.querySelector("#map-search");
const say = JSON.parse(root.dataset.words);
const HOVER_MS = 60;
const GONE = 1e6; // where points go that aren't on the map

let plot;
let there; // 1 for each position that has a place
let cells;
let legend;
let chosen = null;
let moves = false;
let coloursAsked = 0;

function told(text, { error = false } = {}) {
  status.textContent = text;
  status.classList.toggle("error", error);
}

async function got(address) {
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (answer.ok) return answer;
  let detail = say.away;
  try {
    detail = (await answer.json()).detail ?? detail;
  } catch {
    // no JSON: a proxy's page
  }
  throw new Error(detail);
}

/** A framed answer: its head, and its numbers. */
async function framed(address) {
  const body = await (await got(address)).arrayBuffer();
  const length = new DataView(body).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(body, 4, length)));
  const kind = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[head.bytes];
  return { head, values: new kind(body, 4 + length, head.count) };
}

const shown = (point) => plot.slots[point] !== HIDDEN;

// Places

async function placesLoad() {
  const xy = new Float32Array(await (await got(root.dataset.points)).arrayBuffer());
  there = new Uint8Array(xy.length / 2);
  let count = 0;
  for (let point = 0; point < there.length; point += 1) {
    if (Number.isNaN(xy[2 * point])) xy[2 * point] = xy[2 * point + 1] = GONE;
    else count += there[point] = 1;
  }
  plot.setPoints(xy);
  return count;
}

// Colours

const wanted = () => new URLSearchParams([...new FormData(form)].filter(([name, value]) => value && name !== "projection"));

async function coloursLoad() {
  const mine = ++coloursAsked;
  root.setAttribute("aria-busy", "true");
  try {
    const { head, values } = await framed(`${root.dataset.colours}?${wanted()}`);
    if (mine !== coloursAsked) return;
    moves = head.moves;
    legend.show(head, values, there);
    coloursShow();
    root.dataset.coloured = head.words;
    root.dataset.times = Number(root.dataset.times ?? 0) + 1;
  } catch (error) {
    if (mine === coloursAsked) told(error.message, { error: true });
  } finally {
    if (mine === coloursAsked) root.removeAttribute("aria-busy");
  }
}

function coloursShow() {
  plot.setPalette(legend.palette());
  plot.setSlots(legend.slots());
  let count = 0;
  for (let point = 0; point < plot.count; point += 1) count += shown(point);
  told((count === 1 ? say.shown_one : say.shown).replace("%s", count.toLocaleString("en-GB")));
}

function edgeRead() {
  plot.edge = [...colour("--ink").match(/[\d.]+/g).slice(0, 3).map((part) => part / 255), 1];
}

/** The fields that the chosen way needs; the others are put away. */
function fieldsShow() {
  const by = form.elements.by.value;
  for (const label of form.querySelectorAll("[data-for]")) {
    label.hidden = !label.dataset.for.split(" ").includes(by);
    for (const field of label.querySelectorAll("select")) field.disabled = label.hidden;
  }
}

form.elements.projection?.addEventListener("change", () => form.submit()); // it stands in the panel
form.addEventListener("change", (event) => {
  fieldsShow();
  const address = new URL(location.href);
  for (const name of ["by", "au", "layer", "other", "run", "score"]) address.searchParams.delete(name);
  for (const [name, value] of wanted()) address.searchParams.set(name, value);
  history.replaceState(null, "", address);
  if (panel.au && event.target.name === "au") {
    panel.au.value = event.target.value;
    panel.refresh();
  }
  return coloursLoad();
});
form.addEventListener("submit", (event) => event.preventDefault());

// What is chosen

function chosenSet(points, { fit = false } = {}) {
  chosen = points?.length ? points : null;
  plot.setChosen(chosen);
  root.dataset.chosen = chosen?.length ?? 0;
  if (fit && chosen) plot.fit(chosen);
  if (!chosen) panel.clear();
  else panel.choose(chosen);
}

/** The points chosen together with others, or without them; both ascending. */
function joined(points, { add, remove }) {
  if (!chosen || (!add && !remove)) return points;
  const marks = new Uint8Array(plot.count);
  for (const point of chosen) marks[point] = 1;
  for (const point of points) marks[point] = add ? 1 : 0;
  let count = 0;
  const all = new Uint32Array(plot.count);
  for (let point = 0; point < marks.length; point += 1) if (marks[point]) all[count++] = point;
  return all.slice(0, count);
}

function lassoed(corners, how) {
  const found = pointsInside(plot.xy, corners, shown);
  if (!found.length && !how.add && !how.remove) told(say.empty);
  chosenSet(joined(found, how));
}

document.querySelector("#map-all").addEventListener("click", () => {
  const [left, top] = plot.toPlane(0, 0);
  const [right, bottom] = plot.toPlane(plot.width, plot.height);
  lassoed([[left, top], [right, top], [right, bottom], [left, bottom]], {});
});

/** Faces named by a search or by the address: what a scope finds, shown and chosen. */
async function highlight(query) {
  try {
    const { head, values } = await framed(`${root.dataset.positions}?${query}`);
    const placed = values.filter((point) => point < plot.count && there[point]);
    if (!head.size) return told(say.nothing);
    if (!placed.length) return told(say.unplaced, { error: true });
    chosenSet(placed, { fit: true });
    told(head.words + (placed.length < head.size ? ` · ${say.some.replace("%s", (head.size - placed.length).toLocaleString("en-GB"))}` : ""));
  } catch (error) {
    told(error.message, { error: true });
  }
  return undefined;
}

search.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = search.elements.q.value.trim();
  if (text) highlight(new URLSearchParams({ q: text }));
});

// The face under the pointer

const hint = document.querySelector("#map-hint");
let hoverTimer;
let hovered = -1;
const faces = new Map();

function hover(x = null, y = null) {
  clearTimeout(hoverTimer);
  if (x === null) {
    hovered = -1;
    hint.hidden = true;
    return;
  }
  hoverTimer = setTimeout(() => {
    cells ??= new Cells(plot.xy);
    const point = cells.nearest(...plot.toPlane(x, y), tools.reach, shown);
    if (point === hovered) return;
    hovered = point;
    if (point < 0) hint.hidden = true;
    else hintShow(point);
  }, HOVER_MS);
}

async function hintShow(point) {
  if (!faces.has(point)) {
    try {
      faces.set(point, await (await got(root.dataset.face.replace("/0/", `/${point}/`))).json());
    } catch {
      return;
    }
  }
  if (hovered !== point) return;
  const face = faces.get(point);
  const image = hint.querySelector("img");
  image.src = face.thumbnail;
  image.alt = `${say.face} ${face.position}`;
  hint.querySelector(".map-hint-name").textContent = `${say.face} ${face.position}${face.subject ? ` · ${face.subject}` : ""}`;
  hint.querySelector(".map-hint-words").textContent = legend.head ? legend.wordsOf(point) : "";
  const [x, y] = plot.toPixels(plot.xy[2 * point], plot.xy[2 * point + 1]);
  hint.style.setProperty("left", `${x > plot.width / 2 ? x - hint.offsetWidth - 16 : x + 16}px`);
  hint.style.setProperty("top", `${Math.min(Math.max(0, y - 40), Math.max(0, plot.height - 190))}px`);
  hint.hidden = false;
}

/** A click chooses the one face under the pointer; beside all faces, none. */
function clicked(x, y) {
  cells ??= new Cells(plot.xy);
  const point = cells.nearest(...plot.toPlane(x, y), tools.reach, shown);
  chosenSet(point < 0 ? null : Uint32Array.of(point));
}

// Start

let panel;
let tools;

async function start() {
  try {
    plot = new Plot(root.querySelector("canvas"));
  } catch (error) {
    document.querySelector("#map-without").hidden = false;
    document.querySelector(".map-layout").hidden = true;
    if (error instanceof NoDrawing) return;
    throw error;
  }
  const began = performance.now();
  edgeRead();
  panel = new Panel(document.querySelector("#map-panel"), {
    words: say,
    on: {
      decided() {
        if (moves) coloursLoad();
        panel.refresh();
      },
      marked(points) {
        plot.setMarked(Uint32Array.from(points.filter((point) => point < plot.count && there[point])));
      },
      cleared: () => chosenSet(null),
      narrowed: (points, how) => chosenSet(joined(points, how)),
    },
  });
  legend = new Legend(document.querySelector("#map-entries"), {
    title: document.querySelector("#map-title"),
    rest: document.querySelector("#map-more"),
    words: say,
    onChange: coloursShow,
  });
  tools = new Tools(plot, {
    overlay: root.querySelector(".map-overlay"),
    buttons: root.querySelectorAll("[data-tool]"),
    on: { lasso: lassoed, hover, click: clicked },
  });
  for (const [id, act] of [["in", () => plot.zoom(1.5)], ["out", () => plot.zoom(1 / 1.5)], ["fit", () => plot.fit()]]) {
    document.querySelector(`#map-${id}`).addEventListener("click", act);
  }
  keysStart({
    // Beside the map an arrow scrolls, as it does in any list.
    look: (event, key) => (panel.root.contains(event.target) ? false : tools.look(key)),
    find: () => search.elements.q.select(),
    clear: () => tools.giveUp() || (chosen !== null && (chosenSet(null), true)),
  });
  document.addEventListener("themechange", () => {
    edgeRead();
    if (legend.head) {
      legend.show(legend.head, legend.values, there);
      coloursShow();
    }
  });
  fieldsShow();
  try {
    root.dataset.placed = await placesLoad();
    root.dataset.places = Math.round(performance.now() - began);
  } catch (error) {
    told(error.message, { error: true });
    return;
  }
  panel.clear();
  await coloursLoad();
  root.dataset.ready = Math.round(performance.now() - began);
  if (root.dataset.highlight) await highlight(root.dataset.highlight);
}

start();
