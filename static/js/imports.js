// The upload of an import: refuses what is too large before a byte goes, and shows how far it is.

const form = document.querySelector(".import-source");
const progress = form.querySelector(".upload-progress");
const bar = progress.querySelector("progress");
const words = progress.querySelector("output");
const failure = form.querySelector(".upload-error");
const files = form.querySelector("#files");

form.addEventListener("submit", (event) => {
  if (form.elements.place.value !== "upload" || !files.files.length) return;
  event.preventDefault();
  if (form.getAttribute("aria-busy") === "true") return;
  for (const notice of form.querySelectorAll(":scope > .notice.error")) notice.hidden = true;
  const size = Array.from(files.files).reduce((sum, file) => sum + file.size, 0);
  if (size > Number(form.dataset.limit)) return failed(form.dataset.tooLarge);
  form.setAttribute("aria-busy", "true");
  form.querySelector("button.primary").disabled = true;
  progress.hidden = false;
  send();
});

function send() {
  const request = new XMLHttpRequest();
  request.upload.addEventListener("progress", (event) => {
    if (!event.lengthComputable) return;
    bar.value = (100 * event.loaded) / event.total;
    words.value = `${amount(event.loaded)} / ${amount(event.total)}`;
  });
  request.addEventListener("load", () => {
    // The server answers with the next page's address, or with a page that says what is wrong.
    if (request.status < 400) return window.location.assign(request.responseURL);
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const said = page.querySelector(".import-source > .notice.error:not([hidden])") ?? page.querySelector("main");
    failed(said ? said.textContent.trim() : request.statusText);
  });
  request.addEventListener("error", () => failed(document.querySelector("#away").content.textContent.trim()));
  request.open("POST", form.action);
  request.send(new FormData(form));
}

function failed(text) {
  form.removeAttribute("aria-busy");
  form.querySelector("button.primary").disabled = false;
  progress.hidden = true;
  failure.querySelector("p").textContent = text;
  failure.hidden = false;
  failure.scrollIntoView({ block: "nearest" });
}

function amount(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
