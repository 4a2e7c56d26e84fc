// The legend of the map: what the numbers of the faces mean, how many there are of each, which are shown.
// It turns numbers into the 255 colours that the plot draws, and is a filter at the same time.

import { colour } from "./theme.js";
import { HIDDEN } from "./map-plot.js";

const HUES = 10; // tokens --map-1 … --map-10, given to what has no colour of its own
const LISTED = 100; // entries at most; the rest is one line
const BINS = 10; // of a scale
const RAMP = 64; // colours of a scale

const parts = (text) => text.match(/[\d.]+/g).slice(0, 3).map(Number);

/** Colours by token, read once for each theme. */
function tokenColours() {
  const kept = new Map();
  return (token) => {
    if (!kept.has(token)) kept.set(token, parts(colour(`--${token}`)));
    return kept.get(token);
  };
}

function between(stops, share) {
  const place = share * (stops.length - 1);
  const at = Math.min(stops.length - 2, Math.floor(place));
  return stops[at].map((value, part) => Math.round(value + (stops[at + 1][part] - value) * (place - at)));
}

export class Legend {
  constructor(list, { title, rest, words, onChange }) {
    this.list = list;
    this.title = title;
    this.rest = rest;
    this.words = words;
    this.onChange = onChange;
    this.only = new Set(); // the entries shown alone; empty for all
    list.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-entry]");
      if (button) this.#toggle(Number(button.dataset.entry));
    });
  }

  /** New colours: the head and the numbers of a framed answer. `there[point]` is 1 where a point lies on the map. */
  show(head, values, there) {
    const kept = this.head?.words === head.words ? [...this.only].map((at) => this.entries[at]?.words) : [];
    this.head = head;
    this.values = values;
    this.there = there;
    this.entries = head.scale ? this.#bins() : this.#names();
    this.only = new Set(
      kept.map((words) => this.entries.findIndex((entry) => entry.words === words)).filter((at) => at >= 0),
    );
    this.#list();
    return this;
  }

  /** How many faces on the map have each number. */
  #counts(size) {
    const counts = new Uint32Array(size);
    const { values, there } = this;
    for (let point = 0; point < there.length; point += 1) {
      if (there[point]) counts[point < values.length ? values[point] : 0] += 1;
    }
    return counts;
  }

  #names() {
    const most = this.values.reduce((high, value) => (value > high ? value : high), 0);
    const known = new Map(this.head.entries.map((entry) => [entry.value, entry]));
    const counts = this.#counts(Math.max(most, ...known.keys(), 0) + 1);
    const entries = [];
    for (const [value, count] of counts.entries()) {
      const entry = known.get(value);
      if (count || entry?.colour) {
        entries.push({ words: this.head.rest.replace("%s", value - 1), ...entry, value, count });
      }
    }
    // What has a colour of its own keeps the order it came in; groups come by size, before it.
    const groups = entries.filter((entry) => !entry.colour).sort((a, b) => b.count - a.count || a.value - b.value);
    for (const [at, entry] of groups.entries()) entry.token = `map-${(at % HUES) + 1}`;
    const fixed = entries.filter((entry) => entry.colour && entry.count);
    return [...groups, ...fixed];
  }

  #bins() {
    const counts = this.#counts(256);
    const { steps, none } = this.head;
    const bins = Array.from({ length: BINS }, (_bin, at) => ({
      words: `${(at / BINS).toFixed(1)}–${((at + 1) / BINS).toFixed(1)}`,
      count: 0,
      bin: at,
    }));
    for (let value = 0; value <= steps; value += 1) bins[this.#bin(value)].count += counts[value];
    const without = this.head.entries.find((entry) => entry.value === none);
    if (counts[none]) bins.push({ ...without, count: counts[none] });
    return bins;
  }

  #bin(value) {
    return Math.min(BINS - 1, Math.floor((value / this.head.steps) * BINS));
  }

  /** Which entry each number belongs to. */
  #entryOf() {
    if (!this.head.scale) {
      const most = Math.max(0, ...this.entries.map((entry) => entry.value));
      const of = new Int32Array(most + 1).fill(-1);
      for (const [at, entry] of this.entries.entries()) of[entry.value] = at;
      return of;
    }
    const of = new Int32Array(256).fill(-1);
    for (let value = 0; value <= this.head.steps; value += 1) of[value] = this.#bin(value);
    of[this.head.none] = this.entries.findIndex((entry) => entry.value === this.head.none);
    return of;
  }

  /** The colour number of each point, HIDDEN where it isn't there or the legend leaves it out. */
  slots() {
    const of = this.#entryOf();
    const { values, there, only, head } = this;
    const slotOf = new Uint8Array(of.length).fill(HIDDEN);
    for (let value = 0; value < of.length; value += 1) {
      if (of[value] < 0 || (only.size && !only.has(of[value]))) continue;
      slotOf[value] = this.#slot(of[value], value, head);
    }
    const slots = new Uint8Array(there.length);
    const last = slotOf.length;
    for (let point = 0; point < slots.length; point += 1) {
      const value = point < values.length ? values[point] : 0;
      slots[point] = there[point] && value < last ? slotOf[value] : HIDDEN;
    }
    return slots;
  }

  #slot(entry, value, head) {
    if (head.scale && value <= head.steps) return Math.round((value / head.steps) * (RAMP - 1));
    const token = this.entries[entry].token;
    if (token) return RAMP + Number(token.slice(4)) - 1;
    return RAMP + HUES + this.#fixed().indexOf(this.entries[entry].colour);
  }

  #fixed() {
    return [...new Set(this.entries.map((entry) => entry.colour).filter(Boolean))];
  }

  /** RGBA of the 256 colour numbers in the present theme. */
  palette() {
    const of = tokenColours();
    const bytes = new Uint8Array(256 * 4);
    const put = (slot, rgb) => bytes.set([...rgb, 255], slot * 4);
    const stops = ["map-low", "map-middle", "map-high"].map(of);
    for (let slot = 0; slot < RAMP; slot += 1) put(slot, between(stops, slot / (RAMP - 1)));
    for (let hue = 0; hue < HUES; hue += 1) put(RAMP + hue, of(`map-${hue + 1}`));
    for (const [at, token] of this.#fixed().entries()) put(RAMP + HUES + at, of(token));
    return bytes;
  }

  /** What the legend says of one face. */
  wordsOf(point) {
    const entry = this.entries[this.#entryOf()[point < this.values.length ? this.values[point] : 0]];
    if (this.head.scale && entry?.bin !== undefined) return (this.values[point] / this.head.steps).toFixed(2);
    return entry?.words ?? "";
  }

  #toggle(at) {
    if (this.only.has(at)) this.only.delete(at);
    else this.only.add(at);
    this.#list();
    this.onChange();
  }

  #list() {
    this.title.textContent = this.head.words;
    const focused = this.list.contains(document.activeElement) ? document.activeElement.dataset.entry : null;
    const shown = this.entries.slice(0, LISTED);
    this.list.replaceChildren(...shown.map((entry, at) => this.#line(entry, at)));
    const left = this.entries.length - shown.length;
    this.rest.hidden = left <= 0;
    this.rest.textContent = this.words.more.replace("%s", left.toLocaleString("en-GB"));
    if (focused !== null) this.list.querySelector(`[data-entry="${focused}"]`)?.focus();
  }

  #line(entry, at) {
    const line = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "map-entry";
    button.dataset.entry = at;
    button.setAttribute("aria-pressed", String(this.only.has(at)));
    const swatch = document.createElement("span");
    swatch.className = "map-swatch";
    const of = tokenColours();
    const rgb = entry.bin === undefined
      ? of(entry.token ?? entry.colour)
      : between(["map-low", "map-middle", "map-high"].map(of), (entry.bin + 0.5) / BINS);
    swatch.style.setProperty("background-color", `rgb(${rgb.join(" ")})`);
    const words = document.createElement("span");
    words.className = "cut";
    words.textContent = entry.words;
    words.title = entry.words;
    const count = document.createElement("span");
    count.className = "num soft";
    count.textContent = entry.count.toLocaleString("en-GB");
    button.append(swatch, words, count);
    line.append(button);
    return line;
  }
}
