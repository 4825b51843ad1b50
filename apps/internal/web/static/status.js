// How things stand, asked again and again while the page is seen.

/** Watch calls hear with every answer of /api/status, and with null where there is none; it asks while that is wanted. */
export function watch(every, hear, wanted = () => true) {
  const ask = async () => {
    if (document.hidden || !wanted()) return;
    let status = null;
    try {
      const response = await fetch("/api/status", { headers: { Accept: "application/json" } });
      if (response.ok) status = await response.json();
    } catch {
      // The next time, perhaps.
    }
    hear(status);
  };
  setInterval(ask, every);
  document.addEventListener("visibilitychange", ask);
}

/** Key changes when there is something else to be told of a system; status.go has the same. */
export function key({ projection: p, relay }) {
  const stopped = p.state === "stopped" ? p : p.building?.state === "stopped" ? p.building : null;
  const waits = ["stopped", "retrying"].includes(relay?.state);
  return [p.state, p.ready, p.building?.state ?? "", stopped?.at?.sequence ?? "", waits ? relay.state : ""].join("/");
}

/** Anew returns this page as the server has it now, null where it has none: so it alone knows what to tell. */
export async function anew() {
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    return new DOMParser().parseFromString(await response.text(), "text/html");
  } catch {
    return null;
  }
}
