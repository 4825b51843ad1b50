// Travel through time: the slider has the page as of a version fetched, of which the parts
// are taken that are of that time. What is asked for last is what is shown.

import { swap } from "./charging.js";

let wanted = 0;
let timer = null;

async function travel(url) {
  const turn = ++wanted;
  const answer = await fetch(url, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok || turn !== wanted) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (turn !== wanted) return;
  history.replaceState(null, "", url);
  const old = document.getElementById("version");
  const fresh = page.getElementById("version");
  old.max = fresh.max;
  if (document.activeElement !== old) old.value = fresh.value;
  swap(page, "#past, #events, #travel-words, #travel-steps", true);
}

const form = document.getElementById("travel");
form.addEventListener("input", () => {
  document.querySelector("[data-shown]").textContent = form.elements.version.value;
  clearTimeout(timer);
  timer = setTimeout(() => {
    const url = new URL(form.action);
    url.searchParams.set("version", form.elements.version.value);
    travel(url);
  }, 120);
});

document.querySelector(".charging").addEventListener("click", (event) => {
  const link = event.target.closest("a[data-travel]");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  const url = new URL(link.href);
  const at = url.searchParams.get("version");
  form.elements.version.value = at ?? form.elements.version.max;
  travel(url);
});

form.querySelector("[data-go]").hidden = true;

// While the present is shown the slider stays at its end.
document.querySelector(".charging").addEventListener("fresh", () => {
  const slider = form.elements.version;
  slider.max = document.getElementById("travel-words").dataset.latest;
  if (new URL(location.href).searchParams.has("version") || document.activeElement === slider) return;
  slider.value = slider.max;
  form.querySelector("[data-shown]").textContent = slider.max;
});
