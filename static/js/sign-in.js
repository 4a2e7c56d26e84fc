// A session that ended asks for the password where one is: the page stays, and what waits is sent
// afterwards. Without the dialog on the page the notice with its link is all there is.

let after = () => {};

export function signInAsk(then) {
  after = then;
  const dialog = document.querySelector("#sign-in");
  if (!dialog || dialog.open) return;
  errorShow(dialog, "");
  dialog.querySelector("[name=password]").value = "";
  dialog.showModal();
}

export function signInDone() {
  document.querySelector("#sign-in[open]")?.close();
}

export function cookie(name) {
  const found = document.cookie.split("; ").find((part) => part.startsWith(`${name}=`));
  return found?.slice(name.length + 1);
}

function errorShow(dialog, text) {
  const error = dialog.querySelector(".error");
  error.textContent = text;
  error.hidden = !text;
}

async function send(dialog, form) {
  const button = form.querySelector("button:not([type])");
  const values = new FormData(form);
  const token = cookie("csrftoken");
  if (token) values.set("csrfmiddlewaretoken", token);
  button.disabled = true;
  let said = dialog.dataset.failed;
  try {
    const response = await fetch(form.action, { method: "POST", body: values, redirect: "manual" });
    if (response.status === 204) {
      form.reset();
      dialog.close();
      after();
      return;
    }
    if ([422, 429].includes(response.status)) said = await response.text();
  } catch {
    // The server is away: said as it is in the notice.
  } finally {
    button.disabled = false;
  }
  errorShow(dialog, said);
  form.elements.password.select();
}

document.addEventListener("submit", (event) => {
  const dialog = event.target.closest("#sign-in");
  if (!dialog) return;
  event.preventDefault();
  send(dialog, event.target);
});
document.addEventListener("click", (event) => {
  if (event.target.closest("#sign-in [data-later]")) signInDone();
  if (event.target.closest("[data-sign-in]")) signInAsk(after);
});
