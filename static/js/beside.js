// What lies beside the grid: fetched once the page is there and the part is open; whether it is open is
// remembered in the browser.

const OPEN = "corrugator.beside";
const beside = document.querySelector("#beside");
const content = document.querySelector("#beside-content");

function fetchOnce() {
  if (!beside.open || content.dataset.fetched !== undefined) return;
  content.dataset.fetched = "";
  content.setAttribute("aria-busy", "true");
  htmx.ajax("GET", content.dataset.url, { target: content, swap: "innerHTML" })
    .then(() => content.removeAttribute("aria-busy"));
}

beside.open = localStorage.getItem(OPEN) !== "no";
beside.addEventListener("toggle", () => {
  localStorage.setItem(OPEN, beside.open ? "yes" : "no");
  fetchOnce();
});
fetchOnce();
