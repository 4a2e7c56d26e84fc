// One registry of a page's keys. The server gives controls and the rows of the help the reader's keys
// (annotator/keys.py): a control with data-key is clicked by it, a row of the help without such a control
// runs the page's function of its name. A page may add keys of its own: data-key on a control, and
// data-key with data-command on a row of the help. A key given twice is an error; one of the page's own
// gives way to the reader's. Keys rest while somebody types, while a dialog asks, and never act together
// with Ctrl, Alt or Meta.

const registry = new Map();
const started = new WeakSet();

// keysStart({name: function(event, key)}) reads the page's keys and answers them from then on.
export function keysStart(commands = {}) {
  const functions = { ...commands, help: commands.help ?? helpStart() };
  rowsRead(functions);
  const own = [];
  for (const element of document.querySelectorAll("[data-key]")) {
    if (element.dataset.commands === undefined) own.push(element);
    else for (const key of element.dataset.key.split(" ")) keyAdd(key, element);
  }
  for (const element of own) ownRead(element, functions);
  document.addEventListener("keydown", keyPressed);
}

// The rows of the help: what a control of the page does is only shown, what a function does gets its
// keys, and the rest is not on this page.
function rowsRead(functions) {
  for (const row of document.querySelectorAll("#keys-help [data-row]")) {
    const pressed = document.querySelector(`[data-commands~="${CSS.escape(row.dataset.row)}"]`);
    const command = functions[row.dataset.row] ?? functions[row.dataset.function];
    if (!pressed && command) {
      for (const key of row.dataset.keys.split(" ")) if (key) keyAdd(key, row, command, row.dataset.default);
    } else if (!pressed) row.remove();
  }
  for (const group of document.querySelectorAll(".keys-group:not([data-others])")) {
    group.hidden = !group.querySelector("[data-row]");
  }
}

function ownRead(element, functions) {
  const free = element.dataset.key.split(" ").filter((key) => !registry.get(key)?.registered);
  if (!free.length) return;
  const name = element.dataset.command;
  if (name !== undefined && functions[name] === undefined) throw new Error(`no command ${name}`);
  for (const key of free) keyAdd(key, element, functions[name]);
  keyShow(element);
}

export function keyAdd(key, element, command, meant = key) {
  if (registry.has(key)) throw new Error(`the key ${key} is taken`);
  const registered = element.dataset?.commands !== undefined || element.dataset?.row !== undefined;
  registry.set(key, { command, meant, registered, selector: command ? null : elementSelector(element), element });
}

// The server swaps buttons: find the present one by its key and not the one that was there at first.
function elementSelector(element) {
  return `[data-key="${CSS.escape(element.dataset.key)}"]`;
}

// The key as the registry writes it. Letters of other scripts and the digits of keyboards that have them
// behind Shift are known by their place, where nothing has the sign itself.
export function keyOf(event) {
  const key = event.key === " " ? "Space" : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (registry.has(key) || event.shiftKey || event.key.length !== 1) return key;
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code)?.[1];
  const letter = /^Key([A-Z])$/.exec(event.code)?.[1].toLowerCase();
  if (digit && registry.has(digit)) return digit;
  return letter && event.key > "\u024f" ? letter : key;
}

function keyPressed(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
  if (event.isComposing || event.keyCode === 229) return;
  const key = keyOf(event);
  const entry = registry.get(key);
  if (!entry || typing(event.target, key) || asking()) return;
  // Enter and Space belong to the control that has the focus; tiles say themselves what they do.
  if ((key === "Enter" || key === "Space") && event.target.closest("a, button, summary, input, label")
    && !(key === "Space" && event.target.closest(".shot"))) return;
  // A key held down moves on and on, but decides once.
  if (event.repeat && !entry.meant.startsWith("Arrow")) {
    event.preventDefault();
    return;
  }
  if (entry.command) {
    if (entry.command(event, entry.meant) !== false) event.preventDefault();
    return;
  }
  const button = document.querySelector(entry.selector);
  if (!button || button.disabled) return;
  event.preventDefault();
  button.click();
}

// Something that takes text, or a choice by letters, has the keyboard to itself.
export function typing(target, key = "") {
  if (target.isContentEditable || target.closest("select, textarea, [role=textbox], [role=combobox]")) return true;
  const input = target.closest("input");
  if (input?.type === "radio" && key.startsWith("Arrow")) return true;
  return Boolean(input) && !["checkbox", "radio", "button", "submit"].includes(input.type);
}

// A dialog that asks something has the keyboard to itself; the large picture doesn't ask.
function asking() {
  return Boolean(document.querySelector("dialog[open]:not(#zoom)"));
}

// In the help, a command of the page's own gets its keys, and each of its buttons a row.
function keyShow(element) {
  const others = document.querySelector("#keys-help [data-others]");
  const list = others?.querySelector(".keys-list") ?? document.querySelector(".keys-list");
  if (!list) return;
  const row = element.dataset.command ? element : document.createElement("div");
  if (!element.dataset.command) {
    row.append(document.createElement("dt"), document.createElement("dd"));
    row.querySelector("dd").textContent = labelOf(element);
  }
  if (!list.contains(row)) list.append(row);
  if (others) others.hidden = false;
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

// The function that opens the help; the page's button for it is shown from now on.
export function helpStart() {
  const help = document.querySelector("#keys-help");
  const open = document.querySelector("#keys-open");
  if (open && help && !started.has(open)) {
    started.add(open);
    open.hidden = false;
    open.addEventListener("click", () => help.showModal());
  }
  return () => help?.showModal();
}
