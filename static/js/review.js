// The grid of faces on the cluster page and in the noise gallery: buttons that save at once through the
// outbox, and the next cluster. Without it the same form posts as it is.

import { facsStart } from "./facs.js";
import { choose, chooseNone, chosen, chosenShow } from "./grid-choice.js";
import "./grid-drag.js";
import { move } from "./grid-move.js";
import "./grid-pointer.js";
import "./grid-size.js";
import { zoom, zoomShow, zoomToggle } from "./grid-zoom.js";
import { focusOn, form, grid, positionOf, tileAt, tilesRead, tokenOf } from "./grid.js";
import { helpStart, keysStart } from "./keys.js";
import { Outbox } from "./outbox.js";

const isNoise = !document.querySelector("#next-form");

// Saving

const page = Object.fromEntries(["page", "order", "protocol", "reason"].map((name) => [name, form.elements[name]?.value]));

function act(action, faces) {
  if (action !== "undo" && action !== "redo") {
    for (const face of faces) tileAt(face)?.setAttribute("data-saving", "");
  }
  const seen = {};
  for (const face of faces.length ? faces : grid.tiles.map(positionOf)) seen[face] = tokenOf(face);
  outbox.add({
    action,
    faces,
    seen,
    page: page.page,
    order: page.order,
    reason: page.reason,
    protocol: page.protocol,
    au: form.elements.au?.value ?? "",
    unsure: form.elements.unsure?.checked ? "1" : "",
    note: form.elements.note?.value ?? "",
  });
  if (form.elements.unsure) form.elements.unsure.checked = false;
  if (form.elements.note) form.elements.note.value = "";
  chooseNone();
}

const outbox = new Outbox(form, {
  fill(item, values) {
    for (const name of ["page", "order", "reason", "protocol", "au", "unsure", "note"]) values.set(name, item[name] ?? "");
    if (item.action === "undo" || item.action === "redo") return;
    values.set("face", item.faces.join(" "));
    values.set("seen", Object.entries(item.seen).map(([face, token]) => `${face}:${token}`).join(" "));
  },
  answered(html, item) {
    htmx.swap("#review-status", html, { swapStyle: "outerHTML" });
    statesShow();
    for (const tile of form.querySelectorAll("[data-saving]")) tile.removeAttribute("data-saving");
    // What waits behind this one was decided on the page as it is now known to be.
    for (const later of outbox.items) {
      for (const face of Object.keys(later.seen)) later.seen[face] = tokenOf(face);
    }
    if (zoom.open) zoomShow(grid.current);
    // The button that was pressed may have been swapped away; the keyboard goes back to the faces.
    else if (document.activeElement === document.body) tileAt(grid.current)?.querySelector(".shot").focus({ preventScroll: true });
  },
  dropped() {
    for (const tile of form.querySelectorAll("[data-saving]")) tile.removeAttribute("data-saving");
    next?.removeAttribute("aria-busy");
  },
});

// The server's word on the faces that changed: one template for all that are alike.
function statesShow() {
  for (const state of document.querySelectorAll("#tile-states template")) {
    for (const face of state.dataset.faces.trim().split(" ")) {
      const tile = tileAt(face);
      if (!tile) continue;
      tile.dataset.state = state.dataset.state;
      tile.querySelector("[name=seen]").value = `${face}:${state.dataset.token}`;
      tile.querySelector(".own")?.remove();
      tile.querySelector(".shot").after(state.content.cloneNode(true));
    }
  }
}

form.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (button?.dataset.leave !== undefined && outbox.items.length) {
    event.preventDefault();
    outbox.empty().then(() => form.requestSubmit(button));
    return;
  }
  if (!button || button.name !== "action") return;
  event.preventDefault();
  const faces = [...chosen];
  if (button.dataset.one !== undefined && !faces.length && grid.current) faces.push(grid.current);
  act(button.value, faces);
});

// Next

const next = document.querySelector("#next");
const question = document.querySelector("#undecided");

async function nextGo() {
  next.setAttribute("aria-busy", "true");
  await outbox.empty();
  document.querySelector("#next-form").submit();
}

next?.addEventListener("click", async (event) => {
  event.preventDefault();
  if (next.getAttribute("aria-busy") === "true" || question.open) return;
  await outbox.empty();
  const left = Number(document.querySelector("#review-status").dataset.undecided);
  if (!left) return nextGo();
  for (const count of question.querySelectorAll(".undecided-count")) count.textContent = left;
  question.returnValue = "stay";
  question.showModal();
});

question?.addEventListener("close", () => {
  if (question.returnValue === "accept") act("accept", []);
  if (question.returnValue === "accept" || question.returnValue === "leave") nextGo();
});

// Another order shows the page anew, once all is saved; without script there is a button for it.

const sort = document.querySelector("select[name=order]");
document.querySelector(".sort-go")?.setAttribute("hidden", "");
sort?.addEventListener("change", async () => {
  await outbox.empty();
  sort.form.submit();
});

const one = (action) => () => act(action, chosen.size ? [...chosen] : [grid.current]);
const help = helpStart();
const commands = {
  move,
  choose() { choose(grid.current, !chosen.has(grid.current)); chosenShow(); },
  clear() { if (zoom.open || !chosen.size) return false; chooseNone(); return true; },
  zoom: zoomToggle,
  help,
};
if (form.elements.au || !isNoise) {
  commands.present = one("present");
  commands.absent = one("absent");
}
if (!isNoise) {
  commands.next = () => next.click();
  commands.facs = facsStart();
}
tilesRead();
chosenShow();
keysStart(commands);
if (grid.tiles.length) focusOn(grid.current);
outbox.start();

// A grid that goes on as one scrolls: the faces that came are faces like the others. Htmx tells of each of
// them; they are read once, when it has told of all.
let reading = false;
form.addEventListener("htmx:afterSettle", () => {
  if (reading) return;
  reading = true;
  queueMicrotask(() => { reading = false; tilesRead(); chosenShow(); });
});
