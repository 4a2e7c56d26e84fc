// The page of one's own keys: a key pressed in a field goes into it, and a key that another command of the
// same page has is named at once. Without it one types into the fields; the server checks in any case.

const form = document.querySelector("#key-map");
const said = document.querySelector("#key-said");
const NAMES = JSON.parse(form.dataset.names ?? "{}");
const STAYS = ["Tab", "Escape", "Enter", "Shift", "CapsLock", "AltGraph", "Dead", "Process", "Unidentified"];
const MODIFIERS = ["Control", "Alt", "Meta"];

function problemOf(input) {
  return document.getElementById(input.getAttribute("aria-describedby"));
}

function say(input, text) {
  problemOf(input).textContent = text;
  input.toggleAttribute("aria-invalid", Boolean(text));
  if (text) input.setAttribute("aria-invalid", "true");
  said.textContent = text || `${input.dataset.words}: ${input.value}`;
}

function filled(template, words) {
  return template.replace(/\{(\w+)\}/g, (whole, name) => words[name] ?? whole);
}

function shares(one, other) {
  const pages = one.dataset.pages.split(" ");
  return other.dataset.pages.split(" ").some((page) => pages.includes(page));
}

function taken(input, label) {
  return [...form.querySelectorAll(".key-input")].find(
    (other) => other !== input && other.value.toLowerCase() === label.toLowerCase() && shares(input, other),
  );
}

function labelOf(key) {
  if (key === " ") return NAMES.Space;
  return NAMES[key] ?? (key.length === 1 ? key.toLowerCase() : key);
}

form.addEventListener("keydown", (event) => {
  const input = event.target.closest(".key-input");
  if (!input || event.isComposing || STAYS.includes(event.key) || MODIFIERS.includes(event.key)) return;
  event.preventDefault();
  if (event.ctrlKey || event.altKey || event.metaKey) return say(input, form.dataset.combination);
  if (event.key === "Backspace" || event.key === "Delete") return set(input, "");
  if (/^F\d+$/.test(event.key)) return say(input, filled(form.dataset.reserved, { key: event.key }));
  const label = labelOf(event.key);
  const other = taken(input, label);
  if (other) return say(input, filled(form.dataset.taken, { key: label, other: other.dataset.words }));
  return set(input, label);
});

function set(input, label) {
  input.value = label;
  input.closest("tr").querySelector("[name=reset]").disabled = label === input.dataset.default;
  say(input, "");
}

form.addEventListener("focusin", (event) => event.target.closest(".key-input")?.select());
