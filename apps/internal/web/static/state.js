// Says on the pages of a system when what they show is not current.

import { anew, key, watch } from "./status.js";

const every = 4000; // milliseconds
const note = document.querySelector("[data-read-model]");
let last = note?.dataset.key;

if (note) {
  watch(every, async (status) => {
    const system = status?.systems.find((s) => s.name === note.dataset.readModel);
    if (!system) return;
    const now = key(system);
    const passing = system.projection.state === "catching up" && last !== now; // for a moment, as a rule
    last = now;
    if (passing || now === note.dataset.key) return;
    const retry = document.querySelector("[data-retry]");
    if (retry && system.projection.ready) {
      location.reload(); // the page that was asked for is there now
      return;
    }
    const page = await anew();
    const fresh = page?.querySelector("[data-read-model]");
    if (!fresh) return;
    note.dataset.key = fresh.dataset.key;
    note.replaceChildren(...fresh.childNodes);
    const stale = document.querySelector("[data-stale]");
    if (stale) stale.hidden = note.childElementCount === 0;
  }, () => document.querySelector("[data-connection]")?.dataset.connection !== "offline"); // that is said already
}
