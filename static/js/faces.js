// The face page: a row of the table has the keyboard, everything is saved at once through the outbox, and
// in a clip the frames go by without loading the page anew. Without script the same forms and links do it.

import { helpStart, keysStart } from "./keys.js";
import { Outbox } from "./outbox.js";
import { stripStart } from "./face-strip.js";
import { viewStart } from "./face-view.js";

const form = document.querySelector("#face-form");
const known = new Map(); // position → what the page knows of the face's own codes, by the names of the fields
let row = 0;
let face = { position: codes().dataset.position, href: location.pathname };
let ready = Promise.resolve(); // the codes on the page are those of the face that is shown

function codes() {
  return document.querySelector("#face-codes");
}

const rows = () => [...document.querySelectorAll(".face-codes tbody tr")];
const au = () => rows()[row]?.dataset.au;

function rowShow() {
  for (const [place, line] of rows().entries()) line.setAttribute("aria-selected", String(place === row));
  const select = document.querySelector("#au-at-hand");
  if (select && au()) select.value = au();
}

function rowMove(event, key) {
  if (event.shiftKey && view.pan(key)) return;
  row = Math.min(Math.max(row + (key === "ArrowUp" ? -1 : 1), 0), rows().length - 1);
  rowShow();
  rows()[row]?.scrollIntoView({ block: "nearest" });
}

function rowOf(number) {
  const place = rows().findIndex((line) => line.dataset.au === String(number));
  if (place >= 0) row = place;
  rowShow();
}

// What the server says, put in its place

const fieldsOf = (part, names) => Object.fromEntries([...part.querySelectorAll(names)].map((one) => [one.name, one.value]));
const SEEN = "[name^=seen-], [name^=sides-]";

function partsShow(html, { news = true } = {}) {
  const parts = new DOMParser().parseFromString(html, "text/html");
  const fresh = parts.querySelector("#face-codes");
  if (!fresh) return;
  known.set(fresh.dataset.position, fieldsOf(fresh, SEEN));
  if (fresh.dataset.position === face.position) {
    partPlace(parts, "#face-codes");
    partPlace(parts, "#face-facts");
    partPlace(parts, "#face-history");
    codes().inert = false;
  } else if (form) {
    standingTake(fresh);
  }
  eventsPlace(parts);
  if (news) partPlace(parts, "#messages");
  rowShow();
}

function partPlace(parts, name) {
  const fresh = parts.querySelector(name);
  const old = document.querySelector(name);
  if (!fresh || !old) return;
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  fresh.removeAttribute("hx-swap-oob");
  old.replaceWith(fresh);
  htmx.process(fresh);
  if (focused?.name) fresh.querySelector(`[name="${focused.name}"][value="${CSS.escape(focused.value)}"]`)?.focus({ preventScroll: true });
}

// What may be undone is the same on every frame of a clip.
function standingTake(fresh) {
  for (const name of ["undo", "redo"]) {
    form.elements[name].value = fresh.querySelector(`[name=${name}]`).value;
    const button = codes().querySelector(`button[value=${name}]`);
    button.disabled = fresh.querySelector(`button[value=${name}]`).disabled;
  }
  document.querySelector("#face-words").textContent = fresh.querySelector("#face-words").textContent;
}

// Numbers that somebody is typing, and the event that was chosen, outlive the news.
function eventsPlace(parts) {
  const old = document.querySelector("#face-events");
  if (!old) return;
  const typed = [...old.querySelectorAll("tbody input.input")].filter((one) => one.value !== one.defaultValue);
  const chosen = old.querySelector("[name=event]:checked")?.value;
  const saved = saving;
  saving = null;
  partPlace(parts, "#face-events");
  const fresh = document.querySelector("#face-events");
  for (const one of typed) {
    if (one.closest("tr").dataset.event === saved) continue;
    const field = fresh.querySelector(`[name="${one.name}"]`);
    if (field) field.value = one.value;
  }
  const radio = chosen && fresh.querySelector(`[name=event][value="${chosen}"]`);
  if (radio) radio.checked = true;
  playheadShow();
}

// Saving

let saving = null; // the event whose fields were saved: they are news, not typing

const outbox = form && new Outbox(form, {
  fill(item, values) {
    for (const [name, value] of Object.entries(item.values)) values.set(name, value);
    // Codes are compared as they are known now: earlier answers have brought them up to date.
    const seen = item.replayed ? item.seen : known.get(item.position) ?? {};
    for (const [name, value] of Object.entries(seen)) values.set(name, value);
    if (item.replayed) return;
    for (const field of document.querySelectorAll("#face-events [name$=-seen]")) values.set(field.name, field.value);
  },
  answered(html, item, ok) {
    saving = ok && item.action.startsWith("event-save:") ? item.action.split(":")[1] : null;
    partsShow(html);
  },
});
for (const item of outbox?.items ?? []) item.replayed = true;

// Once the codes on the page are those of the face that was on the screen when the key was pressed.
async function act(action, more = {}) {
  strip?.pause();
  const at = face;
  const values = {
    protocol: form.elements.protocol.value,
    mode: form.elements.mode.value,
    side: form.querySelector("[name=side]:checked")?.value ?? "both",
    unsure: form.elements.unsure.checked ? "1" : "",
    note: form.elements.note.value,
    ...more,
  };
  form.elements.unsure.checked = false;
  form.elements.note.value = "";
  if (codes().dataset.position !== at.position) ready = panelLoad(at);
  await ready;
  outbox.add({ action, values, address: `${at.href}decide/`, position: at.position, seen: known.get(at.position) ?? {} });
}

function pressed(button) {
  const [action, about] = button.value.split(":");
  const line = button.closest("tr[data-au]");
  if (line) rowOf(line.dataset.au);
  if (action === "unscorable") return reasonAsk(about);
  if (["onset", "apex", "offset"].includes(action)) return eventMark(action);
  if (action.startsWith("event-")) return act(button.value, fieldsOf(button.closest("tr"), `[name^=event-]`));
  return act(button.value);
}

// To another face, once all is saved; what can't be saved now goes from there.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-leave]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (!outbox?.stuck) await outbox?.empty();
  location.assign(link.href);
});

form?.addEventListener("submit", (event) => {
  if (event.submitter?.name !== "action") return;
  event.preventDefault();
  const button = event.submitter;
  // Whether a face is set apart or kept depends on what it is: wait for the codes of the frame shown.
  if (codes().inert && ["noise", "restore"].includes(button.value)) {
    ready = panelLoad(face);
    ready.then(() => codes().querySelector("[value=noise], [value=restore]")?.click());
    return;
  }
  pressed(button);
});

// Why it can't be scored

const reasons = document.querySelector("#unscorable");

function reasonAsk(number) {
  reasons.dataset.au = number;
  reasons.querySelector("[data-about]").textContent = `AU${number}`;
  reasons.showModal();
}

function reasonGive(value) {
  reasons.close();
  act(`unscorable:${reasons.dataset.au}`, { hidden: value });
}

reasons?.addEventListener("click", (event) => {
  const button = event.target.closest("[data-reason]");
  if (button) reasonGive(button.dataset.reason);
  else if (event.target === reasons) reasons.close();
});
reasons?.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const reason = { 0: "70", 1: "71", 2: "72", 3: "73", 4: "74", u: "74" }[event.key.toLowerCase()];
  if (!reason || event.repeat) return;
  event.preventDefault();
  reasonGive(reason);
});

// Events

function eventMark(point) {
  const chosen = document.querySelector("#face-events [name=event]:checked");
  const mine = chosen?.closest("tr").dataset.eventAu === au() ? chosen.value : "";
  return act(`${point}:${au()}`, { event: mine });
}

function playheadShow() {
  const line = document.querySelector(".timeline");
  if (!line || face.frame === undefined) return;
  const first = Number(line.dataset.first);
  const x = ((face.frame - first + 0.5) * 1000) / (Number(line.dataset.last) - first + 1);
  for (const head of line.querySelectorAll(".playhead")) {
    head.setAttribute("x1", x);
    head.setAttribute("x2", x);
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-go]");
  if (!link || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  strip.frameGo(Number(link.dataset.go));
});
document.addEventListener("change", (event) => {
  if (event.target.matches("#au-at-hand")) rowOf(event.target.value);
  if (event.target.matches("#face-events [name=event]")) rowOf(event.target.closest("tr").dataset.eventAu);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches("#face-events .input")) return;
  event.preventDefault();
  event.target.closest("tr").querySelector("[value^='event-save:']")?.click();
});

// From frame to frame

const view = viewStart();
const strip = stripStart({
  shown(frame) {
    face = frame;
    if (codes().dataset.position !== face.position) codes().inert = true;
    for (const part of document.querySelectorAll("[data-face-number]")) part.textContent = face.position;
    playheadShow();
  },
  settled(frame) {
    history.replaceState(null, "", frame.href);
    form?.setAttribute("action", `${frame.href}decide/`);
    const neutral = document.querySelector("#neutral-form");
    if (neutral) {
      neutral.setAttribute("action", `${frame.href}neutral/`);
      neutral.elements.shown.value = frame.position;
    }
    ready = panelLoad(frame);
  },
});

async function panelLoad(frame) {
  if (codes().dataset.position === frame.position) {
    codes().inert = false;
    return;
  }
  try {
    const response = await fetch(`${frame.href}panel/`, { headers: { "HX-Request": "true" }, redirect: "manual" });
    if (!response.ok) throw new Error(response.status);
    partsShow(await response.text(), { news: false });
  } catch {
    document.dispatchEvent(new CustomEvent("htmx:sendError"));
  }
}

// Keys

function sideTurn(side) {
  const wanted = form.querySelector(`[name=side][value=${side}]`);
  (wanted.checked ? form.querySelector("[name=side][value=both]") : wanted).checked = true;
}

const stepped = (event, key) => {
  if (event.shiftKey && view.pan(key)) return true;
  return strip ? strip.step(key === "ArrowLeft" ? -1 : 1) ?? true : false;
};
// Functions alone of what this page has: the help leaves out the rest.
const commands = {
  row: rowMove,
  "zoom-in": view.in,
  "zoom-out": view.out,
  "zoom-fit": view.fit,
  step: stepped,
  help: helpStart(),
};
if (document.querySelector("#flicker")) commands.flicker = view.flicker;
if (strip) {
  commands.ends = (_event, key) => strip.frameGo(key === "Home" ? strip.first : strip.last) && true;
  commands.play = () => strip.toggle() ?? true;
}
if (form) {
  for (const action of ["present", "absent"]) commands[action] = () => { act(`${action}:${au()}`); };
  for (const level of [1, 2, 3, 4, 5]) commands[`grade-${level}`] = () => { act(`grade-${level}:${au()}`); };
  commands.unscorable = () => reasonAsk(au());
  commands.restore = () => { act(`restore:${au()}`); };
  commands.unsure = () => { form.elements.unsure.checked = !form.elements.unsure.checked; };
  if (form.elements.side) for (const side of ["left", "right"]) commands[`side-${side}`] = () => sideTurn(side);
  if (strip) for (const point of ["onset", "apex", "offset"]) commands[point] = () => { eventMark(point); };
}
for (const part of document.querySelectorAll("[data-script]")) part.hidden = false;
known.set(face.position, fieldsOf(codes(), SEEN));
rowShow();
keysStart(commands);
outbox?.start();
