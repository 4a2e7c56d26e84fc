// The face page: a row of the table has the keyboard, codes are saved at once through the outbox.

import { helpStart, keysStart } from "./keys.js";
import { Outbox } from "./outbox.js";

const form = document.querySelector("#face-form");
let row = 0;

const rows = () => [...document.querySelectorAll(".face-codes tbody tr")];

function rowShow() {
  for (const [place, line] of rows().entries()) line.setAttribute("aria-selected", String(place === row));
}

function rowMove(event, key) {
  row = Math.min(Math.max(row + (key === "ArrowUp" ? -1 : 1), 0), rows().length - 1);
  rowShow();
  rows()[row]?.scrollIntoView({ block: "nearest" });
}

const outbox = form && new Outbox(form, {
  fill(item, values) {
    for (const [name, value] of Object.entries(item.values)) values.set(name, value);
    for (const name of ["undo", "redo"]) values.set(name, form.elements[name].value);
    // Codes are compared as this page shows them now: earlier answers have brought it up to date.
    for (const input of form.querySelectorAll("[name^=seen]")) {
      values.set(input.name, item.replayed ? item.seen[input.name] : input.value);
    }
  },
  answered(html) {
    htmx.swap("#face-codes", html, { swapStyle: "outerHTML" });
    rowShow();
  },
});
for (const item of outbox?.items ?? []) item.replayed = true;

form?.addEventListener("submit", (event) => {
  if (event.submitter?.name !== "action") return;
  event.preventDefault();
  const seen = Object.fromEntries([...form.querySelectorAll("[name^=seen]")].map((input) => [input.name, input.value]));
  const values = {
    protocol: form.elements.protocol.value,
    mode: form.elements.mode.value,
    unsure: form.elements.unsure.checked ? "1" : "",
    note: form.elements.note.value,
  };
  const place = rows().findIndex((line) => line.contains(event.submitter));
  if (place >= 0) row = place;
  outbox.add({ action: event.submitter.value, values, seen });
  form.elements.unsure.checked = false;
  form.elements.note.value = "";
});

const press = (action) => () => rows()[row]?.querySelector(`[value^="${action}:"]`)?.click();
const commands = { row: rowMove, help: helpStart() };
if (form) {
  for (const action of ["present", "absent", "unscorable"]) commands[action] = press(action);
  commands.restore = press("restore");
}
rowShow();
keysStart(commands);
outbox?.show();
outbox?.send();
