// The drawing of a grid: rovers and their trails. What does not move the server has
// drawn; the geometry is that of pages_draw.go.

import { placeNames } from "./names.js";
import { fillRulers } from "./rulers.js";
import { picture, standing } from "./words.js";

const side = 20;
const degrees = { N: 0, E: 90, S: 180, W: 270 };
const slowest = 260; // milliseconds for a move
const fastest = 20;

const svg = (name, attributes) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};

/** Field draws a grid into an SVG. */
export class Field {
  #svg;
  #container;
  #rovers;
  #trails;
  #still = matchMedia("(prefers-reduced-motion: reduce)");
  #height = 0;
  #marks = new Map(); // by rover: {group, arrow, trail, title, steps, at, busy}
  #scheduled = false;
  #naming = false;
  #grid = null;

  /** The container is what scrolls when the drawing is larger. */
  constructor(element, container) {
    this.#svg = element;
    this.#container = container;
    this.#rovers = element.querySelector("[data-rovers]");
    this.#trails = element.querySelector("[data-trails]");
    this.#measure();
    new ResizeObserver(() => this.#measure()).observe(element);
  }

  /** Text and rovers keep a size on the screen that can be seen, however small the drawing is. */
  #measure() {
    const width = this.#svg.getBoundingClientRect().width;
    if (width === 0) return;
    this.#svg.style.setProperty("--unit", this.#svg.viewBox.baseVal.width / width);
    this.#svg.classList.add("measured");
    fillRulers(this.#svg.parentElement, width / (this.#svg.viewBox.baseVal.width / side));
    placeNames(this.#svg);
  }

  /** Rename finds places for the names before the next picture. */
  #rename() {
    if (this.#naming) return;
    this.#naming = true;
    requestAnimationFrame(() => {
      this.#naming = false;
      placeNames(this.#svg);
    });
  }

  /** Cell is how many pixels wide a field is. */
  get cell() {
    return (this.#svg.getBoundingClientRect().width * side) / this.#svg.viewBox.baseVal.width;
  }

  /** Zoom makes the drawing larger; what is in the middle of its window stays there. */
  zoom(factor) {
    const { x, y } = this.#middle();
    this.#resize(this.cell * factor, x, y);
  }

  /** Near makes a field so many pixels wide, and brings a point of the screen to the middle. */
  near(x, y, cell) {
    this.#resize(cell, x, y);
  }

  /** Fit shows all of the grid. */
  fit() {
    const { left, right, top, bottom } = this.#frame();
    const spare = 14; // so that no scrollbar comes
    const most = parseFloat(getComputedStyle(this.#container).maxHeight) - (this.#container.clientHeight - (bottom - top));
    const columns = this.#svg.viewBox.baseVal.width / side;
    const rows = this.#svg.viewBox.baseVal.height / side;
    this.#resize(Math.min(64, (right - left - spare) / columns, (most - 28 - spare) / rows), left, bottom);
  }

  /** Find brings a rover to the middle, in fields that can be told apart. */
  find(id) {
    const at = this.#marks.get(id)?.at;
    if (!at) return;
    const drawing = this.#svg.getBoundingClientRect();
    const pixels = drawing.width / this.#svg.viewBox.baseVal.width;
    this.#resize(this.cell < 18 ? 28 : this.cell, drawing.left + at.x * pixels, drawing.top + at.y * pixels);
  }

  /** Frame is the part of the window that is not behind a ruler, on the screen. */
  #frame() {
    const { left, top, right, bottom } = this.#container.getBoundingClientRect();
    return {
      left: left + this.#container.querySelector("[data-rows]").clientWidth,
      top,
      right,
      bottom: bottom - this.#container.querySelector("[data-columns]").clientHeight,
    };
  }

  #middle() {
    const { left, top, right, bottom } = this.#frame();
    return { x: (left + right) / 2, y: (top + bottom) / 2 };
  }

  /** Resize makes a field so many pixels wide; what was at a point of the screen comes to the middle of the window. */
  #resize(cell, x, y) {
    const before = this.#svg.getBoundingClientRect();
    const view = this.#svg.viewBox.baseVal;
    const width = Math.min(60000, Math.max(Math.min(200, before.width), (cell * view.width) / side, 20));
    this.#svg.parentElement.classList.add("zoomed");
    this.#svg.style.width = `${width}px`;
    const after = this.#svg.getBoundingClientRect();
    const scale = after.width / before.width;
    const middle = this.#middle();
    this.#container.scrollLeft += after.left + (x - before.left) * scale - middle.x;
    this.#container.scrollTop += after.top + (y - before.top) * scale - middle.y;
  }

  /** Show draws a grid at once, without movement. */
  show(grid) {
    this.#grid = grid;
    this.#height = grid.height;
    const ids = new Set(grid.rovers.map((r) => r.id));
    for (const element of [...this.#rovers.children]) if (!ids.has(element.dataset.rover)) element.remove();
    for (const [id, mark] of this.#marks) {
      if (ids.has(id)) continue;
      mark.trail.remove();
      this.#marks.delete(id);
    }
    if (this.#marks.size === 0) this.#trails.replaceChildren();
    for (const rover of grid.rovers) {
      const mark = this.#mark(rover);
      mark.steps.length = 0;
      mark.running?.cancel();
      this.#place(mark, this.#pose(rover, mark.at));
    }
    this.#rename();
    this.#describe();
  }

  /** Move has a rover ease to where it now is. */
  move(grid, id) {
    this.#grid = grid;
    const rover = grid.rovers.find((r) => r.id === id);
    if (!rover) return;
    const known = this.#marks.has(id);
    const mark = this.#mark(rover);
    const last = mark.steps.at(-1) ?? mark.at;
    const pose = this.#pose(rover, last);
    if (!known || this.#still.matches || document.hidden) {
      mark.steps.length = 0;
      mark.running?.cancel();
      this.#place(mark, pose);
    } else {
      mark.steps.push(pose);
      if (!mark.busy) this.#run(mark);
    }
    this.#rename();
    if (!this.#scheduled) {
      this.#scheduled = true;
      setTimeout(() => {
        this.#scheduled = false;
        this.#describe();
      }, 500);
    }
  }

  /** Select marks the rover that is driven. */
  select(id) {
    for (const element of this.#rovers.children) element.classList.toggle("selected", element.dataset.rover === id);
    this.#rename();
  }

  /** Reveal scrolls to a rover if it is out of sight; where there is none, to 0,0. */
  reveal(id) {
    const mark = this.#marks.get(id);
    if (!mark) {
      if (this.#marks.size > 0) return;
      this.#container.scrollTop = this.#container.scrollHeight;
      this.#container.scrollLeft = 0;
      return;
    }
    const rover = mark.group.querySelector(".body").getBoundingClientRect();
    const frame = this.#frame();
    const middle = this.#middle();
    if (rover.left < frame.left || rover.right > frame.right) this.#container.scrollLeft += rover.left + rover.width / 2 - middle.x;
    if (rover.top < frame.top || rover.bottom > frame.bottom) this.#container.scrollTop += rover.top + rover.height / 2 - middle.y;
  }

  /** At returns the field below a mouse or a finger, null beside the grid. */
  at(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.#svg.getScreenCTM().inverse());
    const x = Math.floor(point.x / side);
    const y = this.#grid.height - 1 - Math.floor(point.y / side);
    return x >= 0 && y >= 0 && x < this.#grid.width && y < this.#grid.height ? { x, y } : null;
  }

  /** Target frames a field, or none. */
  target(field) {
    const frame = this.#svg.querySelector("[data-target]");
    frame.setAttribute("visibility", field ? "visible" : "hidden");
    if (!field) return;
    frame.setAttribute("x", field.x * side);
    frame.setAttribute("y", (this.#grid.height - 1 - field.y) * side);
  }

  #describe() {
    const set = (element, text) => {
      if (element.textContent !== text) element.textContent = text;
    };
    set(this.#svg.querySelector("desc"), picture(this.#grid));
    for (const rover of this.#grid.rovers) {
      const mark = this.#marks.get(rover.id);
      if (mark) set(mark.title, `${rover.id} ${standing(rover)}`);
    }
  }

  /** Pose is where a rover is to be drawn. It turns the short way. */
  #pose(rover, from) {
    let angle = degrees[rover.heading];
    if (from) angle += Math.round((from.angle - angle) / 360) * 360;
    const center = (p) => [p.x * side + side / 2, (this.#height - 1 - p.y) * side + side / 2];
    const [x, y] = center(rover);
    const points = rover.path.map((p) => center(p).join()).join(" ");
    return { x, y, angle, points, blocked: Boolean(rover.blocked) };
  }

  #mark(rover) {
    let mark = this.#marks.get(rover.id);
    if (mark) return mark;
    for (const element of this.#rovers.children) if (element.dataset.rover === rover.id) element.remove();
    const color = `color-${this.#grid.rovers.indexOf(rover) % 6}`;
    const group = svg("g", { class: `rover ${color}`, "data-rover": rover.id });
    const title = svg("title", {});
    const arrow = svg("path", { class: "arrow", d: "M0-8 6.5 6.5 0 3.2-6.5 6.5Z" });
    const body = svg("g", { class: "body" });
    body.append(svg("circle", { class: "halo", r: 9.5 }), arrow);
    const name = svg("text", { class: "name" });
    name.textContent = rover.id;
    group.append(title, body, name);
    const trail = svg("polyline", { class: `trail ${color}` });
    this.#rovers.append(group);
    this.#trails.append(trail);
    mark = { group, arrow, trail, title, steps: [], at: null, busy: false, running: null };
    this.#marks.set(rover.id, mark);
    this.#place(mark, this.#pose(rover, null));
    return mark;
  }

  #place(mark, pose) {
    mark.group.setAttribute("transform", `translate(${pose.x} ${pose.y})`);
    mark.arrow.setAttribute("transform", `rotate(${pose.angle})`);
    mark.trail.setAttribute("points", pose.points);
    mark.group.classList.toggle("blocked", pose.blocked);
    mark.at = pose;
  }

  /** Run makes the steps that wait, one after another; the more wait, the faster. */
  async #run(mark) {
    mark.busy = true;
    while (mark.steps.length > 0) {
      const duration = Math.max(fastest, slowest / Math.max(1, mark.steps.length / 3));
      const from = mark.at;
      const to = mark.steps.shift();
      const options = { duration, easing: mark.steps.length > 0 ? "linear" : "ease-out" };
      const moves = (p) => ({ transform: `translate(${p.x}px, ${p.y}px)` });
      const turns = (p) => ({ transform: `rotate(${p.angle}deg)` });
      this.#place(mark, to);
      if (to.blocked) {
        const shake = [0, -2, 2, -1, 0].map((d) => ({ transform: `translate(${to.x + d}px, ${to.y}px)` }));
        mark.running = mark.group.animate(shake, { duration: slowest });
      } else if (from.angle !== to.angle) {
        mark.running = mark.arrow.animate([turns(from), turns(to)], options);
      } else {
        mark.running = mark.group.animate([moves(from), moves(to)], options);
      }
      try {
        await mark.running.finished;
      } catch {
        // Cancelled: the grid was drawn anew.
      }
    }
    mark.busy = false;
    mark.running = null;
  }
}
