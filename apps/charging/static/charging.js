// The pages of operators. The server renders all there is: when something happens, or a
// form is answered, the parts that changed are taken from the page that it has then. Parts
// marked data-live follow the topics of the page; those marked data-part change with forms
// only. Every such part has an ID.

import { connect } from "../live.js";
import { tell } from "../notice.js";
import { localize } from "../time.js";

const root = document.querySelector(".charging");
const pause = 1000; // milliseconds between two looks at what is live: more is not read

/** The connection of the page, for the modules of single pages, too. */
export const live = connect();

dress(root);

// Parts of the page

/** Dress makes what the server has rendered the visitor's own: times, and the time zone of dates. */
export function dress(part) {
  localize(part);
  for (const field of part.querySelectorAll("[data-moment]")) {
    const hint = field.querySelector(".hint");
    if (hint) hint.textContent = hint.textContent.replace("In UTC.", `In your time zone, ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`);
  }
}

/** Alike says whether two parts show the same; the keys of forms are new in every page. */
function alike(a, b) {
  return strip(a) === strip(b);
}

function strip(part) {
  const copy = part.cloneNode(true);
  for (const input of copy.querySelectorAll('input[name="key"]')) input.removeAttribute("value");
  for (const details of copy.querySelectorAll("details")) details.open = false;
  return copy.innerHTML;
}

/**
 * Swap takes parts from another version of this page. What is open stays open, and the
 * focus where it is; a part in which somebody is putting something in is left alone.
 */
export function swap(page, selector, force = false) {
  for (const fresh of page.querySelectorAll(selector)) {
    const old = document.getElementById(fresh.id);
    if (!old || old.hasAttribute("data-still")) continue;
    dress(fresh);
    if (!force && (alike(old, fresh) || touched(old))) continue;
    const open = new Map(Array.from(old.querySelectorAll("details[id]"), (d) => [d.id, d.open]));
    const place = old.contains(document.activeElement) ? Array.from(old.querySelectorAll(focusable)).indexOf(document.activeElement) : -1;
    const scrolled = Array.from(old.querySelectorAll("[data-scroll]"), (e) => e.scrollLeft);
    old.replaceWith(fresh);
    for (const details of fresh.querySelectorAll("details[id]")) if (open.has(details.id) && !force) details.open = open.get(details.id);
    fresh.querySelectorAll("[data-scroll]").forEach((e, i) => (e.scrollLeft = scrolled[i] ?? 0));
    if (place >= 0) fresh.querySelectorAll(focusable)[place]?.focus({ preventScroll: true });
  }
}

const focusable = "a[href], button, input, select, textarea, summary, [tabindex]";

/** Touched says whether something was put into a part that is not sent yet. */
function touched(part) {
  if (part.contains(document.activeElement) && document.activeElement.matches("input:not([type=hidden]), select, textarea")) return true;
  return Array.from(part.querySelectorAll("input, textarea")).some((input) =>
    input.type === "checkbox" || input.type === "radio" ? input.checked !== input.defaultChecked : input.type !== "hidden" && input.value !== input.defaultValue,
  );
}

const parse = (text) => new DOMParser().parseFromString(text, "text/html");

// On a phone the navigation is longer than the screen.
for (const link of root.querySelectorAll(".places [aria-current]")) {
  const nav = link.parentElement;
  nav.scrollLeft = link.offsetLeft - nav.offsetLeft - nav.clientWidth / 3;
}

// What is live

let due = null; // the timer of the next look
let looked = 0;
let position = 0;
let again = false; // something changed while we looked

/** Here is the address of the page, as it is when what has changed is known. */
function here() {
  const url = new URL(location.href);
  url.searchParams.delete("done");
  if (position > 0) url.searchParams.set("after", position);
  return url;
}

/** Look has the live parts fetched again, soon. */
export function look() {
  if (due !== null) {
    again = true;
    return;
  }
  const wait = Math.max(0, looked + pause - Date.now());
  due = setTimeout(async () => {
    looked = Date.now();
    again = false;
    const address = location.href;
    try {
      const answer = await fetch(here(), { headers: { Accept: "text/html" } });
      const text = await answer.text();
      if (answer.ok && address === location.href) { // else it is about something else by now
        swap(parse(text), "[data-live]");
        root.dispatchEvent(new Event("fresh"));
      }
    } catch {
      // The connection says so, and the next change is looked at again.
    }
    due = null;
    if (again) look();
  }, wait);
}

const changed = (_, at) => {
  position = Math.max(position, at);
  look();
};

const topics = root.dataset.topics.split(" ").filter(Boolean);
for (const topic of topics) {
  if (topic.startsWith("charging-wire/")) live.subscribe(topic, { document: look, change: look }); // its positions are not those of the log
  else if (topic !== "charging-fleet") live.subscribe(topic, { document: changed, change: changed });
}

// The navigation counts what waits for an operator.
const counted = (fleet, at) => {
  for (const count of root.querySelectorAll(".places [data-count]")) {
    const n = fleet[count.dataset.count] ?? 0;
    count.textContent = n.toLocaleString("en").replaceAll(",", "\u202f");
    count.hidden = n === 0;
  }
  if (topics.includes("charging-fleet")) changed(fleet, at);
};
live.subscribe("charging-fleet", { document: counted, change: counted });

if (root.dataset.every) {
  setInterval(() => {
    if (!document.hidden) look();
  }, root.dataset.every * 1000);
}

// Forms

let sending = Promise.resolve(); // one after the other, in the order in which they were sent

root.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-send]");
  if (!form) return;
  event.preventDefault();
  moments(form);
  const data = new FormData(form, event.submitter);
  const button = event.submitter ?? form.querySelector("button");
  if (button?.disabled) return;
  if (button) button.disabled = true;
  sending = sending.then(() => send(form, data, button));
});

async function send(form, data, button) {
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(data), headers: { Accept: "text/html" } });
    const text = await answer.text();
    const page = parse(text);
    if (page.querySelector("main")) take(page, answer);
    else complain(form, text); // it is no page: somebody before the server has answered, say
  } catch {
    complain(form, "The server cannot be reached, so it is not known whether it was done. Send it again: it is not done twice.");
  }
  if (button) button.disabled = false;
}

/** Complain says in a form, or near it where it has no place for that, why it could not be sent. */
function complain(form, text) {
  const place = form.querySelector("[data-failure]") ? form : (form.closest("section, [data-part], [data-live]") ?? root);
  if (place.querySelector("[data-failure]")) {
    tell(place, new Error(text));
    return;
  }
  const made = document.createElement("div");
  made.dataset.failure = "";
  form.prepend(made);
  tell(form, new Error(text));
}

/** Take shows the page that a form was answered with: its parts, where it is this page. */
function take(page, answer) {
  const url = new URL(answer.url);
  if (answer.redirected && url.pathname !== location.pathname) {
    location.assign(url);
    return;
  }
  if (!page.querySelector(".charging")) {
    document.querySelector("main").replaceWith(page.querySelector("main"));
    document.querySelector("main").focus();
    return;
  }
  if (answer.redirected) {
    url.searchParams.delete("done");
    history.replaceState(null, "", url);
  }
  swap(page, "[data-live], [data-part]", true);
  hold();
  const wrong = root.querySelector("[aria-invalid]");
  if (wrong) wrong.focus();
  else (root.querySelector("[data-failure] .notice") ?? document.getElementById("said"))?.scrollIntoView({ block: "nearest" });
}

/** Hold keeps new buttons from a click that was meant for the one before. */
function hold() {
  const buttons = Array.from(root.querySelectorAll("form[data-send] button:not(:disabled)"));
  for (const button of buttons) button.disabled = true;
  setTimeout(() => {
    for (const button of buttons) button.disabled = false;
  }, 600);
}

/** Moments puts beside each date what it is in UTC: only the browser knows. */
function moments(form) {
  for (const field of form.querySelectorAll("[data-moment]")) {
    const at = new Date(field.querySelector("input").value);
    let exact = field.querySelector("input[type=hidden]");
    if (!exact) {
      exact = document.createElement("input");
      exact.type = "hidden";
      exact.name = field.dataset.moment;
      field.append(exact);
    }
    exact.value = Number.isNaN(at.getTime()) ? "" : at.toISOString();
  }
}
