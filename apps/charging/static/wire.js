// The wire log can be held still, to be read.

import { look } from "./charging.js";

const button = document.querySelector("[data-pause]");

button.hidden = false;
button.addEventListener("click", () => {
  const still = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(still));
  document.getElementById("exchanges").toggleAttribute("data-still", still);
  if (!still) look();
});
