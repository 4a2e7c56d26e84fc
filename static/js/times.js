// Moments in the zone of who looks. The server writes them in UTC and says so, for readers without script;
// here each <time datetime> with a clock is put into the browser's zone, as are those that come later by htmx
// or fetch. The attribute keeps the server's moment; the title names the zone.

const language = document.documentElement.lang || "en-GB";
const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const DAY = { day: "numeric", month: "short", year: "numeric" };
const clock = new Intl.DateTimeFormat(language, CLOCK);
const moment = new Intl.DateTimeFormat(language, { ...DAY, ...CLOCK });
const whole = new Intl.DateTimeFormat(language, { ...DAY, ...CLOCK, weekday: "long", second: "2-digit", timeZoneName: "short" });
const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Put every moment in `root` that was not yet into the reader's zone. */
export function timesShow(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-zone])")) timeShow(time);
}

function timeShow(time) {
  const at = new Date(time.dateTime);
  // A text without a clock is a day, and days have no zone.
  if (Number.isNaN(at.getTime()) || !/\d:\d\d/.test(time.textContent)) return;
  const bare = /^\s*\d{1,2}:\d{2}(\s+UTC)?\s*$/.test(time.textContent);
  time.dataset.zone = zone;
  time.textContent = (bare && nearby(at) ? clock : moment).format(at);
  time.title = `${whole.format(at)} (${zone})`;
}

/** Whether the hour alone is understood: within half a day of now. */
function nearby(at) {
  return Math.abs(at - Date.now()) < 12 * 3600e3;
}

/** From now on: what is in the page, and what comes into it. */
export function timesStart() {
  timesShow(document);
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) if (node.nodeType === Node.ELEMENT_NODE) timesShow(node.parentNode ?? node);
    }
  }).observe(document.body, { childList: true, subtree: true });
}
