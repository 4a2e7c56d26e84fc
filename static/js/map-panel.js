// Beside the map: how many faces are chosen, their grid, and what relabelling them would change. The grid and
// the consequences are the pages of those names; they come as parts of this one.

const token = () => JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
const consequencesLink = /\/faces\/consequences\/$/;
const decideLink = /\/faces\/decide\/$/;

export class Panel {
  /** `on`: decided(), marked(positions), cleared(), narrowed(positions, {remove}). */
  constructor(root, { words, on }) {
    this.root = root;
    this.words = words;
    this.on = on;
    this.count = root.querySelector("#map-count");
    this.acts = root.querySelector("#map-acts");
    this.grid = root.querySelector("#map-faces");
    this.relabel = root.querySelector("#map-relabel");
    this.asked = 0;
    this.au = root.querySelector("[name=relabel-au]");
    this.au?.addEventListener("change", () => this.refresh());
    this.none = root.querySelector("#map-none");
    this.none.addEventListener("click", () => this.on.cleared());
    root.querySelector("#map-acts").addEventListener("click", (event) => this.#act(event));
    this.tickedRow = root.querySelector("#map-ticked");
    this.tickedRow.addEventListener("click", (event) => this.#narrow(event));
    root.addEventListener("click", (event) => this.#link(event));
    root.addEventListener("submit", (event) => this.#form(event), true);
    for (const kind of ["pointerover", "focusin", "change"]) {
      this.grid.addEventListener(kind, (event) => this.#marked(event));
    }
    this.grid.addEventListener("pointerleave", () => this.#marked(null));
    document.addEventListener("htmx:afterSwap", (event) => {
      if (this.grid.contains(event.detail.target)) this.#marked(null);
      if (event.detail.xhr?.status < 300 && decideLink.test(new URL(event.detail.xhr.responseURL).pathname)) this.on.decided();
    });
  }

  /** Nothing is chosen. */
  clear() {
    this.asked += 1;
    this.faces = null;
    this.count.textContent = this.words.none;
    this.none.hidden = true;
    this.#shut();
    this.grid.replaceChildren();
    this.#marked(null);
  }

  #shut() {
    this.acts.hidden = true;
    this.relabel.replaceChildren();
  }

  /** Choose these positions (ascending Uint32Array): keep them on the server, then show their grid. */
  async choose(positions) {
    const mine = ++this.asked;
    this.#say(positions.length);
    this.#shut();
    this.grid.replaceChildren();
    this.#marked(null);
    this.root.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(this.root.dataset.selections, {
        method: "POST",
        headers: { "Content-Type": "application/octet-stream", "X-CSRFToken": token(), Accept: "application/json" },
        body: positions,
      });
      const told = await answer.json();
      if (mine !== this.asked) return;
      if (!answer.ok) this.#refused(told.detail);
      else this.open(told);
    } catch {
      if (mine === this.asked) this.#refused(this.words.away);
    } finally {
      if (mine === this.asked) this.root.removeAttribute("aria-busy");
    }
  }

  /** Show the faces of a selection that is kept. */
  open({ selection, faces }) {
    this.selection = selection;
    this.faces = faces;
    this.acts.hidden = false;
    this.refresh();
  }

  /** The grid as it is now, with the codes of the AU that is to be relabelled. */
  refresh() {
    if (!this.faces) return;
    const where = new URL(this.faces, location.href);
    if (this.au?.value) where.searchParams.set("au", this.au.value);
    htmx.ajax("GET", where.pathname + where.search, { target: "#map-faces", swap: "innerHTML" });
  }

  #say(count) {
    this.none.hidden = false;
    this.count.textContent = (count === 1 ? this.words.one : this.words.chosen).replace("%s", count.toLocaleString("en-GB"));
  }

  #refused(text) {
    this.relabel.replaceChildren();
    const notice = document.createElement("div");
    notice.className = "notice error";
    notice.setAttribute("role", "alert");
    const words = document.createElement("p");
    words.textContent = text ?? this.words.away;
    notice.append(words);
    this.relabel.append(notice);
  }

  #act(event) {
    const button = event.target.closest("button[data-action]");
    if (!button) return;
    const values = new URLSearchParams({ selection: this.selection, action: button.dataset.action });
    if (this.au.value) values.set("au", this.au.value);
    this.#consequences(`${this.root.dataset.consequences}?${values}`);
  }

  #consequences(address) {
    htmx.ajax("GET", address, { target: "#map-relabel", swap: "innerHTML" });
  }

  /** Links of the parts that lead to the consequences' own page are answered here; “leave them” shuts the part. */
  #link(event) {
    const link = event.target.closest("a[href]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const where = new URL(link.href);
    if (consequencesLink.test(where.pathname)) {
      event.preventDefault();
      this.#consequences(where.pathname + where.search);
    } else if (this.relabel.contains(link) && link.closest("form[action$='/faces/decide/']")) {
      event.preventDefault();
      this.relabel.replaceChildren();
    }
  }

  #form(event) {
    const form = event.target;
    if (form.method !== "get" || !consequencesLink.test(new URL(form.action).pathname)) return;
    event.preventDefault();
    event.stopPropagation();
    this.#consequences(`${new URL(form.action).pathname}?${new URLSearchParams(new FormData(form))}`);
  }

  #ticked() {
    return [...this.grid.querySelectorAll("[name=face]:checked")].map((box) => Number(box.value));
  }

  /** Only the ticked faces are chosen from now on, or all but these. */
  #narrow(event) {
    const button = event.target.closest("[data-ticked]");
    if (button) this.on.narrowed(Uint32Array.from(this.#ticked()).sort(), { remove: button.dataset.ticked === "without" });
  }

  /** The face pointed at in the grid, and those ticked there, are marked on the map. */
  #marked(event) {
    const ticked = this.#ticked();
    this.tickedRow.hidden = !ticked.length;
    this.tickedRow.querySelector("strong").textContent = ticked.length;
    const tile = event?.target.closest?.("[data-position]");
    if (tile) ticked.push(Number(tile.dataset.position));
    this.on.marked(ticked);
  }
}
