// Tells Swagger UI which theme holds, before the first paint; theme-start.js has read the chosen one.

const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");

function follow() {
  root.classList.toggle("dark-mode", root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
}

follow();
system.addEventListener("change", follow);
