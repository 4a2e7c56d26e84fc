// A clip over time: a line follows the pointer over all lanes, a click opens the frame below it.

const WIDTH = 1000; // of the lanes, in their own units
const film = document.querySelector("#film");

function frameAt(lane, clientX) {
  const box = lane.getBoundingClientRect();
  const [first, span, step] = ["first", "span", "step"].map((name) => Number(film.dataset[name]));
  const share = Math.min(Math.max((clientX - box.left) / box.width, 0), 0.999999);
  return first + Math.floor((share * span) / step) * step;
}

function laneOf(event) {
  return event.target.closest(".film-lane > svg");
}

function ticksPlace() {
  for (const ticks of film.querySelectorAll(".film-ticks")) {
    ticks.classList.add("placed");
    for (const tick of ticks.children) tick.style.left = `${(Number(tick.dataset.x) / WIDTH) * 100}%`;
  }
}

function follow() {
  const line = film.querySelector(".film-crosshair");
  const number = document.querySelector("#film-frame");
  film.addEventListener("pointermove", (event) => {
    const lane = laneOf(event);
    line.hidden = !lane;
    if (!lane) return;
    const frame = frameAt(lane, event.clientX);
    line.style.left = `${event.clientX - film.getBoundingClientRect().left}px`;
    line.firstElementChild.textContent = frame;
    number.value = frame;
  });
  film.addEventListener("pointerleave", () => {
    line.hidden = true;
  });
  film.addEventListener("click", (event) => {
    const lane = laneOf(event);
    if (!lane || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    location.assign(`${film.dataset.frame}?frame=${frameAt(lane, event.clientX)}`);
  });
}

ticksPlace();
follow();
