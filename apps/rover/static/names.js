// Where the names of rovers stand: beside their rover, on no other rover or name, and on
// no obstacle if that can be. A long name that finds no place is cut. One that finds
// none even so is not shown, unless its rover is the one that is driven.

const size = 12; // pixels of the letters, as in drawing.css
const smallest = 0.6; // pixels on the screen for a unit of a rover, as there

const longest = 32; // letters of a name, and of one that is cut
const short = 10;

function cut(id, most) {
  const runes = Array.from(id);
  return runes.length > most ? `${runes.slice(0, most - 1).join("")}…` : id;
}

const lengths = new Map(); // name -> its length in letters' heights

/** Length of a name, which is measured once; for that it is put into the text. */
function length(text, name, letter) {
  if (!lengths.has(name)) {
    if (lengths.size > 5000) lengths.clear();
    write(text, name);
    lengths.set(name, text.getComputedTextLength() / letter);
  }
  return lengths.get(name) * letter;
}

function write(text, name) {
  if (text.textContent !== name) text.textContent = name;
}

const side = 20; // of a field, whose obstacle leaves 2 free all around

const known = new WeakMap(); // drawing -> its obstacles, as "column,row" of the drawing

function obstacles(svg) {
  if (!known.has(svg)) {
    const path = svg.querySelector(".rocks").getAttribute("d") ?? "";
    const all = path.matchAll(/M(\d+) (\d+)/g);
    known.set(svg, new Set(Array.from(all, ([, x, y]) => `${Math.floor(x / side)},${Math.floor(y / side)}`)));
  }
  return known.get(svg);
}

/** Covers says whether a box lies on an obstacle. */
function covers(rocks, [left, top, right, bottom]) {
  if (rocks.size === 0) return false;
  const first = (at) => Math.floor((at + 2) / side);
  const last = (at) => Math.floor((at - 2) / side);
  for (let x = first(left); x <= last(right); x++) for (let y = first(top); y <= last(bottom); y++) if (rocks.has(`${x},${y}`)) return true;
  return false;
}

/** Places lists where a name can stand, the best first: how it is anchored and what it covers. */
function places(width, letter, radius) {
  const gap = letter / 6;
  const above = -radius - gap - letter * 0.25;
  const below = radius + gap + letter * 0.8;
  const beside = letter * 0.36;
  return [
    { x: 0, y: above, anchor: "middle" },
    { x: -radius, y: above, anchor: "start" },
    { x: radius, y: above, anchor: "end" },
    { x: 0, y: below, anchor: "middle" },
    { x: -radius, y: below, anchor: "start" },
    { x: radius, y: below, anchor: "end" },
    { x: radius + gap, y: beside, anchor: "start" },
    { x: -radius - gap, y: beside, anchor: "end" },
  ].map((place) => {
    const left = place.x - { start: 0, middle: width / 2, end: width }[place.anchor];
    return { ...place, box: [left, place.y - letter * 0.8, left + width, place.y + letter * 0.25] };
  });
}

const apart = (a, b) => a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];

/** PlaceNames finds a place for each name in a drawing. */
export function placeNames(svg) {
  const view = svg.viewBox.baseVal;
  const unit = view.width / svg.getBoundingClientRect().width;
  if (!Number.isFinite(unit)) return;
  const letter = size * unit;
  const radius = 10.25 * Math.max(1, smallest * unit); // the ring with its stroke
  const sheet = [-letter / 3, -letter * 1.5, view.width + letter / 3, view.height];
  const rovers = Array.from(svg.querySelectorAll("[data-rover]"), (group) => {
    const { e: x, f: y } = group.transform.baseVal.getItem(0).matrix;
    return { group, x, y, text: group.querySelector(".name"), selected: group.classList.contains("selected") };
  });
  const rocks = side / unit < 6 ? new Set() : obstacles(svg); // smaller ones are dots that no name can avoid
  const taken = rovers.map(({ x, y }) => [x - radius, y - radius, x + radius, y + radius]);
  rovers.sort((a, b) => b.selected - a.selected);
  for (const { group, x, y, text, selected } of rovers) {
    const names = [...new Set([cut(group.dataset.rover, longest), cut(group.dataset.rover, short)])];
    const inside = names.flatMap((name) =>
      places(length(text, name, letter), letter, radius)
        .map((place) => ({ ...place, name, box: [place.box[0] + x, place.box[1] + y, place.box[2] + x, place.box[3] + y] }))
        .filter(({ box }) => box[0] >= sheet[0] && box[1] >= sheet[1] && box[2] <= sheet[2] && box[3] <= sheet[3]),
    );
    const free = inside.filter((place) => taken.every((box) => apart(place.box, box)));
    const place = free.find(({ box }) => !covers(rocks, box)) ?? free[0] ?? (selected ? inside[0] : undefined);
    group.classList.toggle("nameless", !place);
    write(text, place?.name ?? names[0]); // which is shown when a mouse is on the rover
    if (!place) continue;
    const [left, top, right, bottom] = place.box;
    taken.push([left - letter / 5, top, right + letter / 5, bottom]); // two names are not read as one
    text.setAttribute("x", place.x);
    text.setAttribute("y", place.y);
    text.setAttribute("text-anchor", place.anchor);
  }
}
