// The page of a grid: live drawing, driving, landing, and travel through time. The
// document of the grid is kept in `now`; `past` is what is shown instead.

import { get, post } from "../call.js";
import { connect } from "../live.js";
import { sentence, tell } from "../notice.js";
import { localize, show as showTime } from "../time.js";
import { Driver } from "./driver.js";
import { Events } from "./events.js";
import { Field } from "./field.js";
import { apply } from "./model.js";
import { noRover, size, standing, summary } from "./words.js";

const page = document.querySelector("[data-page]");
const part = (name) => page.querySelector(`[data-${name}]`);
const id = page.dataset.page;
const path = `/api/rover/grids/${encodeURIComponent(id)}`;
const topic = `grid/${id}`;
const scene = part("window");
const rovers = page.querySelector("#in-rover");
const slider = page.querySelector("#version");
const field = new Field(part("field"), scene);
const said = part("said");
const driveForm = part("drive");
const landForm = part("land");

let now = null;
let past = null;
let loading = null; // what is to come of the past
let pause = null; // between a move of the slider and the journey

const wanted = Number(new URLSearchParams(location.search).get("version"));
let arriving = wanted > 0; // the page shows what the server has drawn, of a version asked for

// What is said

function say(text, kind = "") {
  said.textContent = text;
  said.dataset.kind = kind;
}

// Live

const events = new Events(part("events"), part("event"), part("older"), path, travel);
const live = connect();

live.subscribe(topic, {
  document(grid) {
    const first = now === null;
    now = grid;
    events.complete(grid.version);
    if (first && arriving) {
      travel(wanted).then(() => field.reveal(rovers.value));
      return;
    }
    if (!past && !arriving) field.show(grid);
    refresh();
    if (first) field.reveal(rovers.value);
  },
  change(event) {
    if (!now) return;
    try {
      if (!apply(now, event)) return;
    } catch {
      live.renew(topic); // there is a gap; the document closes it
      return;
    }
    events.add(event);
    others.heard(event);
    if (!past && !arriving && event.data.rover) field.move(now, event.data.rover);
    refreshSoon();
  },
  error() {
    say("This grid is not there any more.", "bad");
  },
});

let due = false;

function refreshSoon() {
  if (due) return;
  due = true;
  setTimeout(() => {
    due = false;
    refresh();
  }, 50);
}

/** Refresh brings everything beside the drawing up to date. */
function refresh() {
  if (arriving || !now) return;
  const shown = past ?? now;
  slider.max = now.version;
  if (!loading && !pause) slider.value = shown.version; // unless somebody moves it
  slider.setAttribute("aria-valuetext", `version ${shown.version} of ${now.version}`);
  part("latest").textContent = now.version;
  part("shown").textContent = slider.value;
  showTime(part("when").querySelector("time"), shown.updated);
  page.classList.toggle("in-past", past !== null);
  page.querySelector("[data-travel] [data-by='-1']").setAttribute("aria-disabled", String(shown.version <= 1));
  page.querySelector("[data-travel] [data-by='1']").setAttribute("aria-disabled", String(past === null));
  part("now").classList.toggle("main", past !== null);
  part("now").setAttribute("aria-disabled", String(past === null));
  const note = part("past");
  const text = past ? `This is the past: version ${past.version}.` : "";
  if (note.textContent.trim() !== text) note.textContent = text;
  events.mark(past?.version);

  const shownSize = size(shown, shown.obstacles.length, shown.rovers.length);
  document.querySelector("[data-size]").textContent = past ? `At version ${past.version}: ${shownSize}` : shownSize;
  const known = new Set(Array.from(rovers.options, (o) => o.value));
  for (const rover of now.rovers) if (!known.has(rover.id)) rovers.add(new Option(rover.id, rover.id));
  part("driving").disabled = past !== null || now.rovers.length === 0;
  part("landing").disabled = past !== null;
  const rover = shown.rovers.find((r) => r.id === rovers.value);
  part("standing").textContent = rover ? sentence(standing(rover)) : now.rovers.length > 0 ? "It has not landed yet." : noRover;
  field.select(rovers.value);
}

// What others do is read out, but not at every step.

const others = {
  own: new Set(),
  waiting: [],
  timer: null,
  place: Object.assign(document.createElement("p"), { className: "unseen" }),
  heard(event) {
    this.waiting.push(event);
    this.timer ??= setTimeout(() => {
      this.timer = null;
      const foreign = this.waiting.filter((e) => !this.own.has(e.version));
      this.waiting = [];
      this.own.clear();
      if (foreign.length > 0) this.place.textContent = `By others: ${summary(foreign.slice(-1))}`;
    }, 10000);
  },
  mine(answer) {
    for (let i = 0; i < answer.events.length; i++) this.own.add(answer.version - i);
  },
};
others.place.setAttribute("aria-live", "polite");
page.append(others.place);

// Driving

const driver = new Driver(
  (rover, moves) => post(`${path}/rovers/${encodeURIComponent(rover)}/moves`, { moves }),
  (answer) => {
    others.mine(answer);
    tell(driveForm, null);
    say(summary(answer.events), answer.events.at(-1)?.type === "RoverBlocked" ? "warn" : "");
  },
  (error) => {
    say("");
    tell(driveForm, error);
  },
);

function drive(moves) {
  if (past || arriving) {
    others.place.textContent = "The past cannot be changed. Go back to now to drive.";
    return;
  }
  if (!rovers.value) {
    say("No rover has landed yet.", "warn");
    return;
  }
  driver.drive(rovers.value, moves);
  field.reveal(rovers.value);
}

driveForm.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.submitter?.name === "step") {
    drive(event.submitter.value);
    return;
  }
  const input = driveForm.elements.moves;
  const moves = input.value.replace(/\s+/g, "").toUpperCase();
  if (moves === "") {
    input.focus();
    return;
  }
  drive(moves);
  input.select();
});

const views = {
  "+": () => field.zoom(1.3),
  "=": () => field.zoom(1.3),
  "-": () => field.zoom(1 / 1.3),
  0: () => field.fit(),
  r: find,
  R: find,
};
const keys = { ArrowUp: "F", ArrowDown: "B", ArrowLeft: "L", ArrowRight: "R" };

scene.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const view = views[event.key];
  if (view) {
    event.preventDefault();
    view();
    return;
  }
  const move = keys[event.key];
  if (!move || event.shiftKey) return;
  event.preventDefault();
  if (!event.repeat || driver.idle) drive(move);
});

rovers.addEventListener("change", () => {
  refresh();
  field.reveal(rovers.value);
});

// Landing

const fingertip = 24; // pixels

scene.addEventListener("click", (event) => {
  const shown = past ?? now;
  const at = shown && field.at(event);
  if (!at) return;
  if (event.pointerType === "touch" && field.cell < fingertip) {
    field.near(event.clientX, event.clientY, 1.6 * fingertip);
    say("Closer now: tap the cell again.");
    return;
  }
  const rover = shown.rovers.find((r) => r.x === at.x && r.y === at.y);
  if (rover) {
    rovers.value = rover.id;
    refresh();
    say(`${rover.id} is chosen, ${standing(rover)}.`);
    return;
  }
  if (past) return;
  if (shown.obstacles.some((o) => o.x === at.x && o.y === at.y)) {
    say(`There is an obstacle at ${at.x},${at.y}.`, "warn");
    return;
  }
  landForm.elements.x.value = at.x;
  landForm.elements.y.value = at.y;
  field.target(at);
  say(`${at.x},${at.y} is free. The form to land a rover has it now.`);
});

landForm.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { elements } = landForm;
  const button = landForm.querySelector("button");
  button.disabled = true;
  try {
    const answer = await post(`${path}/rovers`, {
      id: elements.id.value.trim(),
      x: elements.x.valueAsNumber,
      y: elements.y.valueAsNumber,
      heading: elements.heading.value,
    });
    others.mine(answer);
    tell(landForm, null);
    present();
    field.target(null);
    const rover = answer.events[0].data.rover;
    if (!Array.from(rovers.options).some((o) => o.value === rover)) rovers.add(new Option(rover, rover));
    rovers.value = rover;
    for (const name of ["id", "x", "y"]) elements[name].value = "";
    say(summary(answer.events), "good");
    refresh();
  } catch (error) {
    tell(landForm, error);
  } finally {
    button.disabled = false;
  }
});

// Travel through time

const states = new Map(); // by version, the last ones looked at

async function travel(version) {
  if (version >= now.version) {
    present();
    return;
  }
  loading?.abort();
  const mine = new AbortController();
  loading = mine;
  slider.value = version;
  part("shown").textContent = version;
  try {
    const grid = states.get(version) ?? (await get(`${path}?version=${version}`, mine.signal));
    if (loading !== mine) return;
    states.set(version, grid);
    if (states.size > 100) states.delete(states.keys().next().value);
    past = grid;
    field.show(grid);
    loading = null;
    arriving = false;
    remember(`?version=${version}`);
    refresh();
  } catch (error) {
    if (loading !== mine) return;
    loading = null;
    say(sentence(error.message), "bad");
    if (arriving) present();
    else refresh();
  }
}

/** Present goes back to now. */
function present() {
  if (!now) return;
  loading?.abort();
  loading = null;
  if (!past && !arriving) {
    refresh();
    return;
  }
  past = null;
  arriving = false;
  field.show(now);
  remember("");
  refresh();
}

/** Remember keeps in the address what is shown, for a reload or a link. */
function remember(query) {
  history.replaceState(null, "", location.pathname + query);
}

slider.addEventListener("input", () => {
  if (!now) return;
  part("shown").textContent = slider.value;
  const version = slider.valueAsNumber;
  clearTimeout(pause);
  pause = setTimeout(() => {
    pause = null;
    travel(version);
  }, 40);
});
part("travel").addEventListener("submit", (event) => event.preventDefault());
for (const link of page.querySelectorAll("[data-travel] [data-by]")) {
  link.addEventListener("click", (event) => {
    if (!now) return;
    event.preventDefault();
    const version = (past ?? now).version + Number(link.dataset.by);
    if (version >= 1) travel(version);
  });
}
for (const link of page.querySelectorAll("[data-now], [data-to-now]")) {
  link.addEventListener("click", (event) => {
    if (!now) return;
    event.preventDefault();
    const gone = link.hasAttribute("data-to-now"); // with the past: the focus needs another place
    present();
    if (gone) scene.focus({ preventScroll: true });
  });
}

// View

const zoom = part("zoom");
zoom.hidden = false;
zoom.addEventListener("click", (event) => {
  const by = Number(event.target.dataset?.by);
  if (by) field.zoom(1.3 ** by);
});
zoom.querySelector("[data-fit]").addEventListener("click", () => field.fit());
zoom.querySelector("[data-find]").addEventListener("click", find);

/** Find brings the rover that is driven to the middle, as large as can be seen. */
function find() {
  const rover = (past ?? now)?.rovers.find((r) => r.id === rovers.value);
  if (!rover) {
    field.reveal("");
    say(noRover, "warn");
    return;
  }
  field.find(rover.id);
  say(`${rover.id} is ${standing(rover)}.`);
}

part("script-only").hidden = false;
part("show").hidden = true;
localize(document);
if (!wanted) remember("");
