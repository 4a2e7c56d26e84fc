// What waits to be saved, in the browser's storage: an entry for each decision, under the name of the outbox
// it belongs to, so that windows don't write over one another's. It outlives the window.

const PREFIX = "corrugator.outbox/";
const keyOf = (item) => `${PREFIX}${item.store}/${item.client_id}`;

export function itemKeep(item) {
  try {
    localStorage.setItem(keyOf(item), JSON.stringify(item));
  } catch {
    // A full storage costs the safety net, not the decision: it is sent all the same.
  }
}

export function itemForget(item) {
  localStorage.removeItem(keyOf(item));
}

// Everything kept that passes, in the order in which it was decided.
export function itemsKept(passes = () => true) {
  const items = [];
  for (const key of Object.keys(localStorage)) {
    if (!key.startsWith(PREFIX)) continue;
    try {
      items.push(JSON.parse(localStorage.getItem(key)));
    } catch {
      localStorage.removeItem(key);
    }
  }
  return items.filter(passes).sort((one, other) => one.at - other.at);
}
