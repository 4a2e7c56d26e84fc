// Decisions on their way to the server: one at a time, in order, each kept in the browser's storage until
// the server has answered it. A session that ended, a lost connection, a reload or a closed window loses
// none: they go again, under the same client id, so that nothing is done twice. An undo or redo says what it
// was meant for when its key was pressed: in the meantime something else may have become the latest.

import { itemForget, itemKeep, itemsKept } from "./outbox-store.js";
import { cookie, signInAsk, signInDone } from "./sign-in.js";

export class Outbox {
  // form: where to post; fill(item, values): add what only the page knows at the moment of sending;
  // answered(html, item, ok): the server's word; dropped(item): the answer to a question was no.
  // A form whose page goes on to other things without loading anew names its store in data-outbox, and
  // gives each item its own address.
  constructor(form, { fill, answered, dropped = () => {} }) {
    this.form = form;
    this.fill = fill;
    this.answered = answered;
    this.dropped = dropped;
    this.store = form.dataset.outbox ?? form.getAttribute("action");
    form.dataset.store = this.store;
    this.user = form.dataset.user;
    this.items = itemsKept((item) => item.store === this.store && item.user === this.user);
    this.busy = false;
    this.stuck = false;
    this.waiters = [];
    addEventListener("beforeunload", (event) => { if (this.items.length && !this.stuck) event.preventDefault(); });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.send(); });
    addEventListener("online", () => this.send());
    document.addEventListener("click", (event) => { if (event.target.closest("[data-retry]")) this.send(); });
  }

  keep() {
    for (const item of this.items) itemKeep(item);
    this.show();
  }

  // The first is answered for: by the server, or by a no.
  settled() {
    itemForget(this.items.shift());
  }

  // What somebody else left here stays theirs: it is told, and not sent.
  start() {
    this.show();
    if (itemsKept((item) => item.store === this.store && item.user !== this.user).length) this.notice("#other-user");
    this.send();
  }

  add(item) {
    const page = location.pathname + location.search;
    const last = this.items.at(-1);
    const at = Math.max(Date.now(), (last?.at ?? 0) + 1);
    const turns = item.action === "undo" || item.action === "redo";
    // Behind others it takes back what will stand after them, which has no number yet: it names the last.
    const meant = turns ? { named: this.form.elements[item.action].value, after: last?.client_id ?? "" } : {};
    this.items.push({ ...item, ...meant, client_id: identifier(), user: this.user, store: this.store, page, at });
    this.keep();
    this.send();
  }

  // Resolves once everything is answered; never, as long as the server can't be reached.
  empty() {
    return this.items.length ? new Promise((resolve) => this.waiters.push(resolve)) : Promise.resolve();
  }

  show() {
    const save = document.querySelector("#review-save");
    if (!save) return;
    save.dataset.save = !this.items.length ? "saved" : this.stuck ? "waiting" : "saving";
    save.querySelector(".waiting-count").textContent = this.items.length;
  }

  async send() {
    if (this.busy || !this.items.length) return;
    const item = this.items[0];
    this.busy = true;
    this.show();
    const values = new FormData();
    values.set("csrfmiddlewaretoken", cookie("csrftoken") ?? this.form.elements.csrfmiddlewaretoken.value);
    for (const name of ["client_id", "action"]) values.set(name, item[name]);
    this.fill(item, values);
    if (item.named !== undefined) values.set(item.action, item.named);
    if (item.after) values.set("after", item.after);
    if (item.sure) values.set("sure", "1");
    let response = null;
    let text = "";
    try {
      response = await fetch(item.address ?? this.form.getAttribute("action"), {
        method: "POST", body: values, redirect: "manual", headers: { "HX-Request": "true" },
      });
      text = await response.text();
    } catch {
      response = null;
    }
    this.busy = false;
    // Only an answer with the server's mark is its word; a log-in page or a proxy's error is not.
    if (!response?.headers.get("X-Decision")) {
      const out = response && (response.type === "opaqueredirect" || [401, 403].includes(response.status));
      this.wait(out ? "#signed-out" : "#not-reached", !out);
      if (out) signInAsk(() => this.send());
      return;
    }
    this.stuck = false;
    signInDone();
    for (const notice of document.querySelectorAll("[data-waiting]")) notice.remove();
    if (response.headers.get("X-Decision") === "asked") return this.ask(text, item);
    this.settled();
    this.answered(text, item, response.ok);
    this.keep();
    if (this.items.length) return this.send();
    for (const resolve of this.waiters.splice(0)) resolve();
  }

  // An unusual pair of AUs: what was decided waits at the head of the queue until it is answered for.
  ask(question, item) {
    this.busy = true;
    const dialog = document.querySelector("#pairs");
    dialog.querySelector("#pairs-question").textContent = question;
    dialog.returnValue = "no";
    dialog.onkeydown = (event) => {
      const answer = { y: "both", n: "no" }[event.key.toLowerCase()];
      if (!answer || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      dialog.close(answer);
    };
    dialog.onclose = () => {
      this.busy = false;
      if (dialog.returnValue === "both") {
        item.sure = true;
      } else {
        this.settled();
        this.waiters = []; // whoever waited to go on stays
        this.dropped(item);
      }
      this.keep();
      this.send();
    };
    dialog.showModal();
  }

  wait(notice, again = false) {
    this.stuck = true;
    this.show();
    this.notice(notice);
    if (again) setTimeout(() => this.send(), 5000);
  }

  notice(template) {
    const messages = document.querySelector("#messages");
    // What holds it up may have changed since: one notice, the present one.
    for (const old of messages.querySelectorAll("[data-waiting]")) old.remove();
    messages.append(document.querySelector(template).content.cloneNode(true));
  }
}

function identifier() {
  if (crypto.randomUUID) return crypto.randomUUID();
  // Over plain http to another machine randomUUID is missing; the same 122 random bits by hand.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = bytes[6] & 0x0f | 0x40;
  bytes[8] = bytes[8] & 0x3f | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [[0, 8], [8, 12], [12, 16], [16, 20], [20, 32]].map(([a, b]) => hex.slice(a, b)).join("-");
}
