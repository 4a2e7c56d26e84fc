// The film strip: step and play through a clip without loading the page anew. The strip holds a window of
// the clip; near its edge the next window is fetched. Pictures are fetched ahead, a bounded number of them.

const AHEAD = 24;
const BEHIND = 6;
const EDGE = 20; // frames from the edge of the window at which the next one is fetched
const SETTLED = 150; // ms after which a frame counts as looked at

// shown(frame): the picture is another; settled(frame): and it stays for a moment.
export function stripStart({ shown, settled }) {
  const strip = document.querySelector("#face-strip");
  if (!strip) return null;
  const picture = document.querySelector("#picture");
  const gapMark = document.querySelector(".gap-mark");
  const play = document.querySelector("#play");
  const number = document.querySelector("#frame-number");
  const fetched = new Map(); // address of a picture → Image
  let frames = [];
  let place = 0;
  let clock = null; // while playing: {frame, at}: which frame was due when
  let timer = 0;
  let loading = null;

  const read = (item) => ({
    frame: Number(item.dataset.frame),
    position: item.dataset.position,
    picture: item.dataset.picture,
    href: item.querySelector("a").getAttribute("href"),
    item,
  });

  function framesRead(position) {
    frames = [...strip.querySelectorAll("li[data-frame]")].map(read);
    place = Math.max(0, frames.findIndex((one) => one.position === position));
  }

  function fetchAhead() {
    const wanted = frames.slice(Math.max(0, place - BEHIND), place + AHEAD + 1).map((one) => one.picture);
    for (const address of fetched.keys()) if (!wanted.includes(address)) fetched.delete(address);
    for (const address of wanted) {
      if (fetched.has(address)) continue;
      const image = new Image();
      image.src = address;
      fetched.set(address, image);
    }
  }

  const here = (one) => fetched.get(one.picture)?.complete ?? false;

  function mark() {
    const now = frames[place];
    for (const one of frames) {
      const link = one.item.querySelector("a");
      if (one === now) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    // Only the strip scrolls, never the page.
    const list = now.item.parentElement;
    list.scrollLeft = now.item.offsetLeft - list.offsetLeft - (list.clientWidth - now.item.offsetWidth) / 2;
    linkSet("#step-back", frames[place - 1]);
    linkSet("#step-on", frames[place + 1]);
    number.value = now.frame;
  }

  function linkSet(selector, to) {
    const link = strip.querySelector(selector);
    if (to) link.href = to.href;
    else link.removeAttribute("href");
    link.setAttribute("aria-disabled", String(!to));
  }

  function show(to) {
    place = to;
    const now = frames[place];
    picture.src = now.picture;
    picture.alt = now.item.querySelector("img").alt;
    gapMark.hidden = true;
    mark();
    fetchAhead();
    shown(now);
    clearTimeout(timer);
    if (!clock) timer = setTimeout(() => settled(now), SETTLED);
    const left = Math.min(place, frames.length - 1 - place);
    if (left < EDGE && (place < EDGE ? strip.dataset.before : strip.dataset.after)) windowLoad(now);
  }

  // The window around a frame, in the place of the present one; the frame looked at meanwhile stays.
  function windowLoad(around) {
    loading ??= (async () => {
      try {
        const response = await fetch(`${around.href}strip/`);
        if (!response.ok) return;
        const parts = new DOMParser().parseFromString(await response.text(), "text/html");
        const fresh = parts.querySelector("#face-strip");
        const now = frames[place].position;
        if (!fresh?.querySelector(`[data-position="${now}"]`)) return;
        strip.querySelector("ol").replaceWith(fresh.querySelector("ol"));
        Object.assign(strip.dataset, { before: fresh.dataset.before, after: fresh.dataset.after });
        framesRead(now);
        mark();
        fetchAhead();
      } catch {
        // The server is away: what the window holds can still be stepped through.
      } finally {
        loading = null;
      }
    })();
    return loading;
  }

  async function frameGo(frame) {
    pause();
    const known = frames.findLastIndex((one) => one.frame <= frame);
    const outside = (known < 0 && strip.dataset.before)
      || (known === frames.length - 1 && frames[known].frame < frame && strip.dataset.after);
    if (outside) {
      location.assign(`${document.querySelector("#frame-form").getAttribute("action")}?frame=${frame}`);
      return;
    }
    show(Math.max(0, known));
  }

  function step(by) {
    pause();
    const to = place + by;
    if (frames[to]) show(to);
  }

  // Playing: a frame is shown when it is due, and never before it is here; in a gap the last one stays.

  function start() {
    if (place === frames.length - 1 && !strip.dataset.after) show(0);
    clock = { frame: frames[place].frame, at: performance.now() };
    play.setAttribute("aria-pressed", "true");
    requestAnimationFrame(tick);
  }

  function pause() {
    if (!clock) return;
    clock = null;
    gapMark.hidden = true;
    play.setAttribute("aria-pressed", "false");
    clearTimeout(timer);
    settled(frames[place]);
  }

  function tick(now) {
    if (!clock) return;
    const rate = Number(strip.dataset.rate);
    let due = clock.frame + (Math.max(0, now - clock.at) / 1000) * rate;
    let to = place;
    while (frames[to + 1] && frames[to + 1].frame <= due && here(frames[to + 1])) to += 1;
    const next = frames[place + 1];
    if (to !== place) {
      show(to);
    } else if (!next && !strip.dataset.after) {
      pause();
      return;
    } else if (!next || (next.frame <= due && !here(next))) {
      clock = { frame: frames[place].frame, at: now }; // what is due isn't here yet: wait for it
      due = clock.frame;
    }
    gapMark.hidden = !(frames[place + 1]?.item.hasAttribute("data-after-gap") && due >= frames[place].frame + 1);
    requestAnimationFrame(tick);
  }

  strip.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (link.id === "step-back" || link.id === "step-on") {
      event.preventDefault();
      step(link.id === "step-back" ? -1 : 1);
      return;
    }
    const item = link.closest("li[data-frame]");
    if (!item) return;
    event.preventDefault();
    pause();
    show(frames.findIndex((one) => one.item === item));
  });
  document.querySelector("#frame-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const wanted = number.value.trim();
    if (/^\d{1,9}$/.test(wanted)) frameGo(Number(wanted));
    else number.value = frames[place].frame;
    number.blur();
  });
  play.addEventListener("click", () => (clock ? pause() : start()));

  framesRead(strip.querySelector("[aria-current]").closest("li").dataset.position);
  mark();
  fetchAhead();
  return {
    step,
    frameGo,
    pause,
    toggle: () => (clock ? pause() : start()),
    get first() { return Number(strip.dataset.first); },
    get last() { return Number(strip.dataset.last); },
    get playing() { return Boolean(clock); },
  };
}
