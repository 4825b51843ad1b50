// Keeps the start page up to date.

import { anew, key, watch } from "./status.js";

const every = 2000; // milliseconds

const figure = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, "\u202f");

const connection = document.querySelector("[data-connection]");

function connected(state, text) {
  if (!connection || connection.dataset.connection === state) return;
  connection.dataset.connection = state;
  connection.textContent = text;
}

const set = (place, text) => {
  if (place && place.textContent.trim() !== text) place.textContent = text;
};

/** Show brings the figures up to date, and the card of a system when there is something else to be told of it. */
async function show(status) {
  set(document.querySelector(`[data-figure="position"]`), figure(status.position));
  set(document.querySelector(`[data-figure="clients"]`), figure(status.live.clients));
  const others = [];
  for (const system of status.systems) {
    const card = document.querySelector(`[data-system="${CSS.escape(system.name)}"]`);
    if (!card) continue;
    if (card.dataset.key === key(system)) set(card.querySelector("[data-reached]"), figure(system.projection.cursor.position));
    else others.push(card);
  }
  if (others.length === 0) return;
  const page = await anew();
  for (const card of others) {
    const fresh = page?.querySelector(`[data-system="${CSS.escape(card.dataset.system)}"]`);
    if (fresh) card.replaceWith(fresh);
  }
}

const section = document.querySelector("[data-status]");

if (section) {
  connected("live", "Live");
  watch(every, (status) => {
    if (!status) {
      connected("offline", "Offline, trying again");
      return;
    }
    connected("live", "Live");
    section.querySelector(".notice")?.remove();
    show(status);
  });
}

// The address does not go on saying what was once done.
if (location.search) history.replaceState(null, "", location.pathname + location.hash);
