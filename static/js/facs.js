// The description of the AUs at hand, in a dialog that the same key opens and closes; over the large
// picture too.

export function facsStart() {
  const dialog = document.querySelector("#facs-help");
  const summary = document.querySelector(".facs summary");
  summary?.querySelector(".kbd")?.removeAttribute("hidden");
  summary?.addEventListener("click", (event) => {
    event.preventDefault();
    dialog.showModal();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "f" || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    dialog.close();
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  return () => dialog.showModal();
}
