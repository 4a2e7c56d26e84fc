// One registry of a page's keys. An element with data-key="a" is clicked by that key; one with
// data-command too (a row of the help) runs the page's function of that name. A key given twice is an
// error at start-up. Keys rest while somebody types, and never act together with Ctrl, Alt or Meta.

const registry = new Map();

// keysStart({name: function(event)}) reads the page's keys and answers them from then on.
export function keysStart(commands = {}) {
  for (const element of document.querySelectorAll("[data-key]")) {
    const name = element.dataset.command;
    if (name !== undefined && commands[name] === undefined) throw new Error(`no command ${name}`);
    for (const key of element.dataset.key.split(" ")) keyAdd(key, element, commands[name]);
    keyShow(element);
  }
  document.addEventListener("keydown", keyPressed);
}

export function keyAdd(key, element, command) {
  if (registry.has(key)) throw new Error(`the key ${key} is taken`);
  registry.set(key, { command, selector: command ? null : elementSelector(element), element });
}

// The server swaps buttons: find the present one by its key and not the one that was there at first.
function elementSelector(element) {
  return `[data-key="${CSS.escape(element.dataset.key)}"]`;
}

function keyPressed(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.defaultPrevented) return;
  const key = event.key === " " ? "Space" : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const entry = registry.get(key);
  if (!entry || typing(event.target) || asking()) return;
  // Enter and Space belong to the control that has the focus; tiles say themselves what they do.
  if ((key === "Enter" || key === "Space") && event.target.closest("a, button, summary, input, label")
    && !(key === "Space" && event.target.closest(".shot"))) return;
  if (entry.command) {
    if (entry.command(event, key) !== false) event.preventDefault();
    return;
  }
  const button = document.querySelector(entry.selector);
  if (!button || button.disabled) return;
  event.preventDefault();
  button.click();
}

function typing(target) {
  if (target.isContentEditable || target.closest("select, textarea")) return true;
  const input = target.closest("input");
  return Boolean(input) && !["checkbox", "radio", "button", "submit"].includes(input.type);
}

// A dialog that asks something has the keyboard to itself; the large picture doesn't ask.
function asking() {
  return Boolean(document.querySelector("dialog[open]:not(#zoom)"));
}

// In the help, a command's row gets its keys, and each button a row of its own.
function keyShow(element) {
  const list = document.querySelector(".keys-list");
  if (!list) return;
  const row = element.dataset.command ? element : document.createElement("div");
  if (!element.dataset.command) {
    row.append(document.createElement("dt"), document.createElement("dd"));
    row.querySelector("dd").textContent = labelOf(element);
    list.append(row);
  }
  const keys = (element.dataset.shown ?? element.dataset.key.replace("Enter", "⏎")).split(" ");
  for (const key of keys) {
    const mark = document.createElement("kbd");
    mark.className = "kbd";
    mark.textContent = key;
    row.querySelector("dt").append(mark, " ");
  }
}

function labelOf(element) {
  const source = (element.matches("input") ? element.closest("label") : element).cloneNode(true);
  for (const extra of source.querySelectorAll("kbd, .for-chosen, .for-every")) extra.remove();
  return source.textContent.trim();
}

export function helpStart() {
  const help = document.querySelector("#keys-help");
  const open = document.querySelector("#keys-open");
  if (open) {
    open.hidden = false;
    open.addEventListener("click", () => help.showModal());
  }
  return () => help.showModal();
}
