// The theme switch in the user menu, and theme colours for what is drawn on a canvas.

const KEY = "corrugator-theme";
const root = document.documentElement;

export function themeChosen() {
  return root.dataset.theme ?? "system";
}

export function themeChoose(theme) {
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
  try {
    if (theme === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // not kept, but shown
  }
  announce();
}

/** A token such as "--present" as the colour it stands for in the present theme: "rgb(11, 87, 173)". */
export function colour(token) {
  const probe = document.createElement("span");
  probe.hidden = true;
  probe.style.color = `var(${token})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function announce() {
  document.dispatchEvent(new CustomEvent("themechange", { detail: { theme: themeChosen() } }));
}

export function themeSwitchStart(form) {
  if (!form) return;
  form.hidden = false;
  form.elements.theme.value = themeChosen();
  form.addEventListener("change", () => themeChoose(form.elements.theme.value));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", announce);
}
