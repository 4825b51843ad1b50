// Keeps the figures of the start page up to date.

const states = {
  live: ["good", "up to date"],
  stopped: ["bad", "stopped"],
  "catching up": ["warn", "catching up"],
  starting: ["warn", "starting"],
};

const every = 2000; // milliseconds

const figure = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, "\u202f");

function show(status) {
  const set = (name, text) => {
    const place = document.querySelector(`[data-figure="${name}"]`);
    if (place && place.textContent.trim() !== text) place.textContent = text;
  };
  set("position", figure(status.position));
  set("clients", figure(status.live.clients));
  set("namespace", status.namespace);
  for (const system of status.systems) {
    const foot = document.querySelector(`[data-system="${CSS.escape(system.name)}"] .card-foot`);
    if (!foot) continue;
    const [kind, text] = states[system.projection.state] ?? states.starting;
    const badge = document.createElement("span");
    badge.className = `badge ${kind}`;
    badge.textContent = text;
    const reached = document.createElement("span");
    reached.className = "quiet";
    reached.textContent = `read up to position ${figure(system.projection.cursor.position)}`;
    foot.replaceChildren(badge, reached);
  }
}

const section = document.querySelector("[data-status]");

async function refresh() {
  try {
    const response = await fetch(section.dataset.status, { headers: { Accept: "application/json" } });
    if (response.ok) {
      show(await response.json());
      section.querySelector(".notice")?.remove();
    }
  } catch {
    // The next time, perhaps.
  }
}

if (section) {
  setInterval(() => {
    if (!document.hidden) refresh();
  }, every);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });
}
