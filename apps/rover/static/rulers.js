// The numbers of columns and rows beside the drawing: as many as have room.

const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500];

/** Step is how many fields lie between two numbers that need room, where a field has so many pixels. */
function step(field, room) {
  return steps.find((n) => n * field >= room) ?? 1000;
}

/** FillRulers writes the numbers again if a field, in pixels, is larger or smaller than before. */
export function fillRulers(sheet, field) {
  const [width, height] = ["width", "height"].map((name) => sheet.querySelector(".ground").getAttribute(name) / 20);
  const columns = step(field, 8 + 8 * String(width - 1).length);
  const rows = step(field, 20);
  const off = Math.max(0, Math.round(5 - field / 2)); // the 0 of tiny fields is moved into its ruler
  fill(sheet.querySelector("[data-columns]"), width, columns, (at, n) => ({ x: at, y: "50%", dx: n === 0 ? off : 0 }));
  fill(sheet.querySelector("[data-rows]"), height, rows, (at, n) => ({ x: "100%", y: at, dy: n === 0 ? -off : 0 }), true);
}

function fill(ruler, side, every, place, fromEnd = false) {
  if (ruler.dataset.every === String(every)) return;
  ruler.dataset.every = every;
  const numbers = [];
  for (let n = 0; n < side; n += every) {
    const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
    const at = `${(100 * (fromEnd ? side - n - 0.5 : n + 0.5)) / side}%`;
    for (const [key, value] of Object.entries(place(at, n))) text.setAttribute(key, value);
    text.textContent = n;
    numbers.push(text);
  }
  ruler.replaceChildren(...numbers);
}
