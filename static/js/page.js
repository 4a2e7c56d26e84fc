// What every page does: theme switch, moments in the reader's zone, menus that close, questions before what can't be undone,
// forms that go once, texts to copy, notices to dismiss, word of a server that is away and of what is not saved.

import { themeSwitchStart } from "./theme.js";
import { timesStart } from "./times.js";
import { unsavedShow } from "./unsaved.js";

themeSwitchStart(document.querySelector("#theme"));
timesStart();

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  const dismiss = event.target.closest("[data-dismiss]");
  if (dismiss) dismiss.closest(".notice").remove();
  const copy = event.target.closest("[data-copy]");
  if (copy) textCopy(copy);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  const question = event.submitter?.dataset.confirm ?? form.dataset.confirm;
  if (question && !window.confirm(question)) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  if (form.dataset.once === undefined) return;
  if (form.getAttribute("aria-busy") === "true") event.preventDefault();
  form.setAttribute("aria-busy", "true");
}, true);

// Coming back by the Back button shows the page as it was left: busy forms must go again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[aria-busy]")) form.removeAttribute("aria-busy");
});

async function textCopy(button) {
  const source = document.querySelector(button.dataset.copy);
  const text = source.value ?? source.textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    source.select?.(); // no clipboard over plain http: leave it selected for Ctrl-C
    return;
  }
  const label = button.textContent;
  button.textContent = button.dataset.copied;
  setTimeout(() => { button.textContent = label; }, 1500);
}

function away() {
  const messages = document.querySelector("#messages");
  if (messages.querySelector("[data-away]")) return;
  messages.append(document.querySelector("#away").content.cloneNode(true));
}

document.addEventListener("htmx:sendError", away);
document.addEventListener("htmx:timeout", away);
document.addEventListener("htmx:afterOnLoad", () => {
  document.querySelector("#messages [data-away]")?.remove();
});

// Once the page's own script has taken up what belongs to it.
addEventListener("load", unsavedShow);
