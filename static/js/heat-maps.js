// Pictures of shares by two AUs: the cell under the pointer, or chosen with the arrow keys, is marked in
// every picture of its group, and its numbers are said below, read from the tables of the page. Where cells
// are links, Enter follows the marked one; Tab goes from picture to picture.

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function start(group) {
  const maps = [...group.querySelectorAll("[data-heat]")];
  const says = group.querySelector("[data-heats-says]");
  const hint = group.querySelector("[data-heats-hint]");
  const size = Number(maps[0]?.dataset.size ?? 0);
  let at = null;

  const cells = maps.map((map) => map.querySelectorAll("g > rect, g > a > rect"));
  const tables = new Map(
    maps.map((map) => [map.dataset.heat, document.querySelector(`[data-heat-table="${map.dataset.heat}"]`)]),
  );

  function number(kind, row, column) {
    const told = tables.get(kind).tBodies[0].rows[row].cells[column + 1].textContent.trim();
    return told === "–" ? says.dataset.undefined : told;
  }

  function show(row, column) {
    at = [row, column];
    for (const rects of cells) {
      for (const rect of rects) rect.classList.remove("at");
      rects[row * size + column].classList.add("at");
    }
    const heads = tables.get(maps[0].dataset.heat).tBodies[0].rows;
    const words = {
      row: heads[row].cells[0].textContent.trim(),
      column: heads[column].cells[0].textContent.trim(),
    };
    for (const kind of tables.keys()) words[kind] = number(kind, row, column);
    says.textContent = says.dataset.words.replace(/\{(\w+)\}/g, (whole, name) => words[name] ?? whole);
  }

  maps.forEach((map, index) => {
    map.setAttribute("tabindex", "0");
    for (const link of map.querySelectorAll("a")) link.setAttribute("tabindex", "-1");
    map.addEventListener("pointerover", (event) => {
      const place = [...cells[index]].indexOf(event.target);
      if (place >= 0) show(Math.floor(place / size), place % size);
    });
    map.addEventListener("keydown", (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      const link = event.key === "Enter" && at && cells[index][at[0] * size + at[1]].closest("a");
      if (link) location.assign(link.getAttribute("href"));
      const step = STEPS[event.key];
      if (!step) return;
      event.preventDefault();
      const [row, column] = at ?? [0, 0];
      const moved = at === null ? [0, 0] : [row + step[0], column + step[1]];
      if (moved.every((place) => place >= 0 && place < size)) show(...moved);
    });
    map.addEventListener("focus", () => at === null && show(0, 0));
  });
  if (hint) hint.hidden = false;
}

for (const group of document.querySelectorAll("[data-heats]")) start(group);
document.addEventListener("htmx:afterSettle", (event) => {
  for (const group of event.target.querySelectorAll?.("[data-heats]") ?? []) start(group);
});
