// The pages of customers. The server writes all of a page; here its numbers are kept up
// to date by the live topics, and its region is read again when it says something that is
// not so any more: that the sale is open, say, or a payment under way.

import { connect } from "../live.js";
import { localize } from "../time.js";
import { ahead, cartKey, clock, figure, poolKey, price } from "./words.js";

let region = document.querySelector("[data-region]");
const live = connect();
const followed = new Map(); // topic -> how to end it
const latest = new Map(); // topic -> its newest document
let reached = 0; // the highest position that was heard of

// The server's clock: where it was when the page came, and how long ago that is.

let offset = 0;

function setClock(received) {
  if (region) offset = Date.parse(region.dataset.now) - received;
}

const now = () => Date.now() + offset;

const entry = performance.getEntriesByType("navigation")[0];
setClock(performance.timeOrigin + (entry?.responseStart ?? performance.now()));

// What is said to those who do not see it

const aloud = Object.assign(document.createElement("p"), { className: "unseen" });
aloud.setAttribute("role", "status");
document.querySelector("main").append(aloud);

function say(text) {
  if (text && aloud.textContent !== text) aloud.textContent = text;
}

// Numbers

const write = (element, text) => {
  if (element && element.textContent !== text) element.textContent = text;
};

/** Fill brings the numbers of a pool up to date. */
function fill(part, pool) {
  for (const name of ["available", "held", "sold"]) write(part.querySelector(`[data-fill="${name}"]`), figure(pool[name]));
  const bar = part.querySelector("[data-capacity]");
  if (bar) {
    const width = (n) => ((1000 * n) / pool.capacity).toFixed(1);
    bar.querySelector("[data-bar=sold]").setAttribute("width", width(pool.sold));
    bar.querySelector("[data-bar=held]").setAttribute("x", width(pool.sold));
    bar.querySelector("[data-bar=held]").setAttribute("width", width(pool.held));
  }
  const place = Number(part.dataset.place);
  if (pool.room && place > 0) {
    write(part.querySelector("[data-fill=ahead]"), ahead(place - pool.room.admitted - 1));
    const room = part.querySelector("progress");
    if (room) room.value = pool.room.admitted;
  }
  fillPrice(part, pool);
}

const settle = 1500; // so long a new price is seen before it counts as seen
let seen = null;

function fillPrice(part, pool) {
  const place = part.querySelector("[data-fill=price]");
  if (!place) return;
  const words = price(pool.price, pool.currency);
  const before = place.textContent;
  if (before === words) return;
  place.textContent = words;
  const next = region.querySelector("[data-next]");
  if (next) next.hidden = true; // it is about the price before
  repriced(before, region.querySelector("[data-price-seen]")?.value, pool.price);
  if (next) refresh(10000 + 10000 * Math.random());
}

/** Repriced says what the price was, and lets the new one count as seen in a while. */
function repriced(before, old, price) {
  write(region.querySelector("[data-price-note]"), `It was ${before} a moment ago.`);
  const input = region.querySelector("[data-price-seen]");
  if (!input) return;
  input.value = old;
  clearTimeout(seen);
  seen = setTimeout(() => (input.value = price), settle);
}

// Live

function heard(topic, document) {
  latest.set(topic, document);
  reached = Math.max(reached, document.position);
  const cart = topic.startsWith("claim/");
  for (const part of region.querySelectorAll(`[data-of="${CSS.escape(topic)}"]`)) {
    const key = cart ? cartKey(document) : poolKey(document, now(), Number(part.dataset.place));
    const other = part.dataset.key !== undefined && part.dataset.key !== key;
    const watched = part.dataset.watch && document.position > Number(part.dataset.watch); // it may bring an offer
    const most = part.dataset.most && Number(part.dataset.most) !== Math.min(4, document.available); // that can be chosen
    if (other || watched || most) refresh(cart ? 0 : 500 * Math.random());
    if (other) return;
    if (!cart) fill(part, document);
  }
  if (!cart) moves(topic, document);
}

const moving = new Map(); // topic of a pool -> the timer of its next price
const longestTimer = 24 * 3600 * 1000;

/** Moves asks for a pool again once its price has moved with the time, of which nobody is told. */
function moves(topic, pool) {
  clearTimeout(moving.get(topic));
  moving.delete(topic);
  if (!pool.moves) return;
  const left = Math.min(Math.max(Date.parse(pool.moves) - now(), 1000), longestTimer);
  const ask = () => live.renew(followed.has(topic) ? topic : "pools");
  moving.set(topic, setTimeout(ask, left + 1000 * Math.random()));
}

function followList(document) {
  for (const pool of document.pools ?? [document]) {
    const topic = `pool/${pool.id}`;
    if (region.querySelector(`[data-of="${CSS.escape(topic)}"]`)) heard(topic, pool);
    else refresh(500 * Math.random());
  }
}

function follow() {
  const wanted = new Set((region?.dataset.topics ?? "").split(" ").filter(Boolean));
  for (const [topic, end] of followed) {
    if (wanted.has(topic)) continue;
    end();
    followed.delete(topic);
    latest.delete(topic);
  }
  for (const topic of wanted) {
    if (followed.has(topic)) continue;
    const hear = topic === "pools" ? followList : (document) => heard(topic, document);
    followed.set(topic, live.subscribe(topic, { document: hear, change: hear }));
  }
}

// Reading the region again

const pause = 1500; // between two times, at least
let due = null; // its timer
let at = Infinity; // when it is due
let last = 0; // when it was read

/** Refresh reads the region again in a while, if that is not to be done earlier anyway. */
function refresh(after) {
  const when = Math.max(performance.now() + after, last + pause);
  if (when >= at) return;
  clearTimeout(due);
  at = when;
  due = setTimeout(read, when - performance.now());
}

async function read() {
  if (document.hidden) return; // until it is seen again
  at = Infinity;
  last = performance.now();
  try {
    const query = new URLSearchParams(location.search);
    query.delete("after");
    if (reached > 0) query.set("after", reached);
    const response = await fetch(`${location.pathname}?${query}`, { headers: { Accept: "text/html" } });
    const received = Date.now();
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.querySelector("[data-region]");
    if (!response.ok || !fresh) throw new Error(`the server answered ${response.status}`);
    for (const none of fresh.querySelectorAll("noscript")) none.remove(); // the parser takes what is in it for elements
    replace(document.importNode(fresh, true));
    setClock(received);
    localize(region);
    tick();
    follow();
    for (const [topic, document] of latest) heard(topic, document);
  } catch {
    refresh(5000 + 5000 * Math.random());
  }
}

const saying = "[data-say], h2"; // what is new on a page
const shown = ".price-line [data-fill=price]"; // where the price is that somebody may claim at

/** Replace puts another region in the place of the one there is, with what was put in and the focus. */
function replace(fresh) {
  const focus = region.contains(document.activeElement) ? path(document.activeElement) : null;
  const values = new Map();
  for (const input of region.querySelectorAll("form[data-form] input:not([type=hidden])")) {
    if (input.type !== "radio" || input.checked) values.set(`${input.form.dataset.form} ${input.name}`, input.value);
  }
  const title = region.querySelector(saying)?.textContent;
  const before = region.querySelector(shown)?.textContent;
  const old = region.querySelector("[data-price-seen]")?.value;
  region.replaceWith(fresh);
  region = fresh;
  const offered = region.querySelector("[data-price-seen]");
  if (before && offered && region.querySelector(shown).textContent !== before) repriced(before, old, offered.value);
  for (const input of region.querySelectorAll("form[data-form] input:not([type=hidden])")) {
    const value = values.get(`${input.form.dataset.form} ${input.name}`);
    if (value === undefined) continue;
    if (input.type === "radio") input.checked = input.value === value || (input.checked && !sibling(input, value));
    else input.value = value;
  }
  const news = region.querySelector(saying);
  if (news && news.textContent !== title) say(news.textContent.trim().replace(/\s+/g, " "));
  if (focus === null) return;
  const heading = region.querySelector("h2");
  const target = (focus && region.querySelector(focus)) || heading;
  if (target === heading) heading?.setAttribute("tabindex", "-1");
  target?.focus({ preventScroll: true });
}

const sibling = (input, value) => input.form.querySelector(`[name="${input.name}"][value="${CSS.escape(value)}"]`);

/** Path is how an element is found in the next region, "" when that cannot be said. */
function path(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  const form = element.form?.dataset.form;
  if (form && element.name) {
    const value = element.value && element.type !== "text" ? `[value="${CSS.escape(element.value)}"]` : "";
    return `form[data-form="${form}"] [name="${element.name}"]${value}`;
  }
  return element.matches("a[href]") ? `a[href="${CSS.escape(element.getAttribute("href"))}"]` : "";
}

// Time that is left

const warnings = [120, 30]; // seconds
let warned = Infinity;

function tick() {
  if (!region) return;
  for (const element of region.querySelectorAll("[data-until]")) {
    const left = (Date.parse(element.dataset.until) - now()) / 1000;
    write(element, clock(left));
    element.classList.toggle("soon", left <= warnings[0]);
    if (element.closest("[data-timed]")) warn(left);
    if (left <= 0) refresh(1000);
  }
  for (const part of region.querySelectorAll("[data-ends]")) {
    if (now() >= Date.parse(part.dataset.ends) && !/^(over|cancelled) /.test(part.dataset.key)) refresh(1000);
  }
}

/** Warn tells those who do not see the countdown, twice. */
function warn(left) {
  if (left > warned) warned = Infinity; // another hold
  const next = warnings.find((seconds) => left <= seconds && seconds < warned && left > seconds - 5);
  if (next === undefined) return;
  warned = next;
  say(next >= 60 ? `${next / 60} minutes left.` : `${next} seconds left.`);
}

// Where the price drops with the time it has a next one without anything happening.
setInterval(() => {
  if (region?.querySelector("[data-next]")) refresh(0);
}, 60000);
setInterval(tick, 1000);

document.addEventListener("visibilitychange", () => {
  if (document.hidden || at === Infinity) return;
  clearTimeout(due);
  at = Infinity;
  refresh(0);
});
addEventListener("pageshow", (event) => {
  if (event.persisted) refresh(0); // its forms were sent already
});

if (region) {
  const address = new URL(location.href);
  address.searchParams.delete("after");
  history.replaceState(null, "", address);
}
localize(document);
tick();
follow();
