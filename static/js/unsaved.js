// On every page: the reader's decisions that a closed window left unsaved, and the way to the page that saves them.

import { itemForget, itemsKept } from "./outbox-store.js";

const QUIET_MS = 20_000; // what is younger is on its way in another window

export function unsavedShow() {
  const user = document.body.dataset.user;
  const here = document.querySelector("form[data-store]")?.dataset.store;
  const left = itemsKept((item) => item.user === user && item.store !== here && Date.now() - item.at > QUIET_MS);
  if (!user || !left.length) return;
  const notice = document.querySelector("#unsaved").content.cloneNode(true).firstElementChild;
  notice.querySelector(".unsaved-count").textContent = left.length;
  notice.querySelector("a").href = left[0].page;
  const forget = notice.querySelector("button");
  forget.addEventListener("click", () => {
    if (!window.confirm(forget.dataset.question)) return;
    for (const item of left) itemForget(item);
    notice.remove();
  });
  document.querySelector("#messages").append(notice);
}
