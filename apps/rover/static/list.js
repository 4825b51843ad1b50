// The list of grids, live: the one that changed last comes first.

import { post } from "../call.js";
import { connect } from "../live.js";
import { tell } from "../notice.js";
import { localize, show as showTime } from "../time.js";
import { gridName, size } from "./words.js";

const section = document.querySelector("section.grids");
const cards = section.querySelector("[data-cards]");
const template = section.querySelector("[data-card]");
const most = 50; // as many as a page has

localize(document);

const text = (element, words) => {
  if (element.textContent !== words) element.textContent = words;
};

function fill(card, grid) {
  const link = card.querySelector("a");
  card.dataset.grid = grid.id;
  text(link, gridName(grid.id));
  link.title = grid.id;
  link.href = `/rover/${encodeURIComponent(grid.id)}`;
  text(card.querySelector("[data-size]"), size(grid, grid.obstacles, grid.rovers));
  text(card.querySelector("[data-version]"), `Version ${grid.version}`);
  showTime(card.querySelector("time"), grid.updated);
}

const find = (id) => cards.querySelector(`[data-grid="${CSS.escape(id)}"]`);

function put(grid) {
  let card = find(grid.id);
  if (card) {
    fill(card, grid); // it stays where it is: links that jump about cannot be hit
    return;
  }
  card = template.content.firstElementChild.cloneNode(true);
  fill(card, grid);
  cards.prepend(card);
  if (cards.children.length > most) cards.lastElementChild.remove();
  section.querySelector("[data-empty]")?.remove();
}

const live = connect();
if (section.hasAttribute("data-grids")) {
  live.subscribe("grids", {
    document(page) {
      for (const grid of page.grids.slice(0, most).reverse()) put(grid);
    },
    change: put,
  });
}

// Making a grid

const form = document.querySelector("[data-create]");

function points(input) {
  return input
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => {
      const match = /^([+-]?\d+),([+-]?\d+)[;,]*$/.exec(word);
      if (!match) throw new Error(`“${word}” is not a cell; cells are like 3,4 with spaces between them.`);
      return { x: Number(match[1]), y: Number(match[2]) };
    });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { elements } = form;
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const body = {
      width: elements.width.valueAsNumber,
      height: elements.height.valueAsNumber,
      obstacles: points(elements.obstacles.value),
    };
    const id = elements.id.value.trim();
    if (id) body.id = id;
    const answer = await post("/api/rover/grids", body, elements.key.value);
    location.href = `/rover/${encodeURIComponent(answer.grid)}?after=${answer.position}`;
  } catch (error) {
    tell(form, error);
  } finally {
    button.disabled = false;
  }
});
