// The pages of sessions, id tags, tariffs, reservations, charging profiles and reports:
// charts tell their values to a pointer, tables of inputs grow, and dates that the server
// has written in UTC are put in as the visitor's clock has them.

import { swap } from "./charging.js";
import { show } from "../time.js";

const root = document.querySelector(".charging");

// Charts

root.addEventListener("pointerover", (event) => {
  const band = event.target.closest?.("[data-value]");
  if (!band) return;
  let first = band.dataset.first;
  if (band.dataset.at) {
    const time = document.createElement("time");
    show(time, band.dataset.at);
    first = time.textContent;
  }
  band.closest("figure").querySelector("[data-readout]").textContent = `${first}: ${band.dataset.value}`;
});

// Dates

const two = (n) => String(n).padStart(2, "0");

for (const field of root.querySelectorAll("[data-moment] input:not([type=hidden])")) {
  const at = new Date(`${field.value}Z`);
  if (field.value === "" || Number.isNaN(at.getTime())) continue;
  field.value = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
  field.defaultValue = field.value;
}

/** Exact puts beside each date of a form what it is in UTC: only the browser knows. */
function exact(form) {
  for (const field of form.querySelectorAll("[data-moment]")) {
    const at = new Date(field.querySelector("input:not([type=hidden])").value);
    let hidden = field.querySelector("input[type=hidden]");
    if (!hidden) {
      hidden = document.createElement("input");
      hidden.type = "hidden";
      hidden.name = field.dataset.moment;
      field.append(hidden);
    }
    hidden.value = Number.isNaN(at.getTime()) ? "" : at.toISOString();
  }
}

root.addEventListener("submit", (event) => {
  if (!("send" in event.target.dataset)) exact(event.target); // the others are those of charging.js
});

// Tables of inputs

for (const button of root.querySelectorAll("[data-add-row]")) {
  const rows = button.closest("fieldset").querySelector("[data-rows]");
  const most = Number(button.dataset.most);
  button.hidden = rows.children.length >= most;
  button.addEventListener("click", () => {
    const n = rows.children.length;
    const row = rows.lastElementChild.cloneNode(true);
    for (const wrong of row.querySelectorAll(".wrong")) wrong.remove();
    for (const input of row.querySelectorAll("input")) {
      input.name = input.name.replace(/\d+$/, n);
      input.setAttribute("aria-label", input.getAttribute("aria-label").replace(/\d+$/, n + 1));
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-describedby");
      input.removeAttribute("value");
      input.value = "";
    }
    rows.append(row);
    row.querySelector("input").focus();
    button.hidden = n + 1 >= most;
  });
}

// What was put in is drawn while it is put in

let trying = null;
root.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-try]");
  if (!form) return;
  clearTimeout(trying);
  trying = setTimeout(async () => {
    exact(form);
    const data = new FormData(form);
    data.set("do", "try");
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(data), headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (form.isConnected) swap(page, "[data-preview]");
    } catch {
      // The button says so when it is pressed.
    }
  }, 400);
});
