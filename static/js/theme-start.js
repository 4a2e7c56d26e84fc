// Runs before the first paint, so that a chosen theme doesn't flash; theme.js does the rest.
try {
  const chosen = localStorage.getItem("corrugator-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // storage may be forbidden: the system's theme holds
}
