// The pages of promoters. The server renders all there is: when something happens, or a
// form is answered, the parts that changed are taken from the page that it has then. Parts
// marked data-live follow a topic; those marked data-part change with forms only.

import { connect } from "../live.js";
import { tell } from "../notice.js";
import { localize, show } from "../time.js";

const root = document.querySelector(".promoter");
const pause = 1000; // milliseconds between two looks at what is live: a rush has more changes than anybody can read

dress(root);

// Parts of the page

/** Dress makes what the server has rendered the visitor's own: times, and the time zone of dates. */
function dress(part) {
  localize(part);
  for (const band of part.querySelectorAll("[data-at]")) {
    const time = document.createElement("time");
    show(time, band.dataset.at);
    band.dataset.first = time.textContent;
    band.querySelector("title").textContent = words(band);
  }
  for (const field of part.querySelectorAll("[data-moment]")) {
    const hint = field.querySelector(".hint");
    hint.textContent = hint.textContent.replace("In UTC.", `In your time zone, ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`);
  }
}

function words({ dataset }) {
  return `${dataset.first}: ${dataset.value}`;
}

/** Alike says whether two parts show the same; the keys of forms are new in every page. */
function alike(a, b) {
  return strip(a) === strip(b);
}

function strip(part) {
  const copy = part.cloneNode(true);
  for (const input of copy.querySelectorAll('input[name="key"], input[name="seen"]')) input.removeAttribute("value");
  for (const details of copy.querySelectorAll("details")) details.open = false;
  return copy.innerHTML;
}

/** Swap takes parts from another version of this page. What is open stays open, and the focus where it is. */
function swap(page, selector, force = false) {
  for (const fresh of page.querySelectorAll(selector)) {
    const old = document.getElementById(fresh.id);
    if (!old) continue;
    dress(fresh);
    if (!force && alike(old, fresh)) continue;
    const open = new Set(Array.from(old.querySelectorAll("details[open][id]"), (d) => d.id));
    const place = old.contains(document.activeElement) ? Array.from(old.querySelectorAll(focusable)).indexOf(document.activeElement) : -1;
    old.replaceWith(fresh);
    for (const details of fresh.querySelectorAll("details[id]")) if (open.has(details.id)) details.open = true;
    if (place >= 0) fresh.querySelectorAll(focusable)[place]?.focus({ preventScroll: true });
  }
}

const focusable = "a[href], button, input, select, textarea, summary, [tabindex]";

const parse = (text) => new DOMParser().parseFromString(text, "text/html");

// What is live

let due = null; // the timer of the next look
let looked = 0;
let position = 0;

function look() {
  if (due !== null) return;
  due = setTimeout(
    async () => {
      looked = Date.now();
      const seen = position;
      try {
        const url = new URL(location.href);
        url.searchParams.delete("done");
        if (seen > 0) url.searchParams.set("after", seen);
        const answer = await fetch(url, { headers: { Accept: "text/html" } });
        if (answer.ok) swap(parse(await answer.text()), "[data-live]");
      } catch {
        // The connection says so, and the next change is looked at again.
      }
      due = null;
      if (position > seen) look();
    },
    Math.max(0, looked + pause - Date.now()),
  );
}

const live = connect();
const longestTimer = 24 * 3600 * 1000;
let moving = null; // the timer of the next price that comes with the time, of which nobody is told

const changed = (pool, at) => {
  position = Math.max(position, at);
  look();
  clearTimeout(moving);
  if (!pool.moves) return;
  const left = Math.min(Math.max(Date.parse(pool.moves) - Date.now(), 5000), longestTimer);
  moving = setTimeout(() => live.renew(root.dataset.topic), left + 1000 * Math.random());
};
if (root.dataset.topic) live.subscribe(root.dataset.topic, { document: changed, change: changed });
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
  if ("door" in form.dataset) {
    form.elements.code.value = ""; // ready for the next one
  } else if (button?.disabled) {
    return;
  } else if (button) {
    button.disabled = true;
  }
  sending = sending.then(() => send(form, data, button));
});

async function send(form, data, button) {
  const shown = document.getElementById(form.id) ?? form; // by now it may be another one
  if ("door" in form.dataset && shown.elements.key) data.set("key", shown.elements.key.value);
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(data), headers: { Accept: "text/html" } });
    const text = await answer.text();
    const page = parse(text);
    if (page.querySelector("main")) take(page, answer, shown);
    else complain(shown, data, text); // it is no page: somebody before the server has answered, say
  } catch {
    complain(shown, data, "The server cannot be reached, so it is not known whether it was done. Send it again: it is not done twice.");
  }
  if (button) button.disabled = false;
}

/** Complain says in a form, or near it where it has no place for that, why it could not be sent. */
function complain(form, data, text) {
  if ("door" in form.dataset && !form.elements.code.value) form.elements.code.value = data.get("code");
  const place = form.querySelector("[data-failure]") ? form : form.closest("section, [data-part]") ?? root;
  if (place.querySelector("[data-failure]")) tell(place, new Error(text));
}

/** Take shows the page that a form was answered with: its parts, where it is this page. */
function take(page, answer, form) {
  const url = new URL(answer.url);
  if (answer.redirected && url.pathname !== location.pathname) {
    location.assign(url);
    return;
  }
  if (!page.querySelector(".promoter")) {
    document.querySelector("main").replaceWith(page.querySelector("main"));
    document.querySelector("main").focus();
    return;
  }
  if (answer.redirected) {
    url.searchParams.delete("done");
    history.replaceState(null, "", url);
  }
  if ("door" in form.dataset) {
    swap(page, "#door-answer, #door-count", true);
    door(form, page.getElementById("door"));
    return;
  }
  swap(page, "[data-live], [data-part]", true);
  hold();
  const wrong = root.querySelector("[aria-invalid]");
  if (wrong) wrong.focus();
  else document.getElementById("said")?.focus({ preventScroll: true });
}

/** Hold keeps new buttons from a click that was meant for the one before: a second one on Stop must not hit Resume. */
function hold() {
  const buttons = root.querySelectorAll("form[data-send] button");
  for (const button of buttons) button.disabled = true;
  setTimeout(() => {
    for (const button of buttons) button.disabled = false;
  }, 800);
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

// At the door: the field keeps the focus, and what is in it, while answers come

function door(form, fresh) {
  if (!fresh) return;
  form.elements.key.value = fresh.elements.key.value;
  form.querySelector("[data-failure]").replaceChildren(...fresh.querySelector("[data-failure]").childNodes);
  form.querySelector(".wrong")?.remove();
  const wrong = fresh.querySelector(".wrong");
  if (wrong) form.querySelector(".field").append(wrong);
  form.elements.code.value ||= fresh.elements.code.value; // what the server could not see to
}

const scanning = root.querySelector("[data-door]");
if (scanning) {
  document.addEventListener("click", (event) => {
    if (!event.target.closest("a, button, input, summary")) scanning.elements.code.focus();
  });
}

// A rule is drawn while it is put in

let trying = null;
root.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-try]");
  if (!form) return;
  clearTimeout(trying);
  trying = setTimeout(async () => {
    const data = new FormData(form);
    data.set("do", "try");
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(data), headers: { Accept: "text/html" } });
      if (form.isConnected) swap(parse(await answer.text()), "[data-preview]");
    } catch {
      // The button says so when it is pressed.
    }
  }, 400);
});

// Charts tell their values to a pointer

root.addEventListener("pointerover", (event) => {
  const band = event.target.closest?.("[data-value]");
  if (band) band.closest("figure").querySelector("[data-readout]").textContent = words(band);
});
