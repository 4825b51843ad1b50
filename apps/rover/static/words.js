// What happened, in plain words: as pages_words.go has it.

const headings = { N: "north", E: "east", S: "south", W: "west" };

/** Count says how many there are. */
export function count(n, what) {
  if (n === 0) return `no ${what}s`;
  return n === 1 ? `1 ${what}` : `${n} ${what}s`;
}

/** GridName is what people call a grid: the server gives IDs to those without a name. */
export function gridName(id) {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id) ? `Unnamed grid ${id.slice(-6)}` : id;
}

/** Size says how large a grid is, and how much is on it. */
export function size({ width, height }, obstacles, rovers) {
  return `${width} by ${height} cells, ${count(obstacles, "obstacle")}, ${count(rovers, "rover")}`;
}

function obstacle(at) {
  if (at.by === "edge") return "the edge of the grid";
  return at.by === "rover" ? `${at.other} at ${at.x},${at.y}` : `an obstacle at ${at.x},${at.y}`;
}

/** Words says what an event means. Of one it does not know it gives the type. */
export function words({ type, data }) {
  switch (type) {
    case "GridCreated":
      return `The grid was made: ${data.width} by ${data.height} cells, ${count(data.obstacles.length, "obstacle")}`;
    case "RoverLanded":
      return `${data.rover} landed at ${data.x},${data.y}, facing ${headings[data.heading]}`;
    case "RoverMovedForward":
      return `${data.rover} moved forward to ${data.x},${data.y}`;
    case "RoverMovedBackward":
      return `${data.rover} moved backward to ${data.x},${data.y}`;
    case "RoverTurnedLeft":
      return `${data.rover} turned left, now facing ${headings[data.heading]}`;
    case "RoverTurnedRight":
      return `${data.rover} turned right, now facing ${headings[data.heading]}`;
    case "RoverBlocked":
      return `${data.rover} was stopped by ${obstacle(data)}; not made: ${data.left}`;
  }
  return type;
}

/** Summary says what a command has led to. */
export function summary(events) {
  if (events.length === 0) return "Nothing changed.";
  const last = events[events.length - 1];
  if (events.length === 1) return `${words(last)}.`;
  const moves = events.length - (last.type === "RoverBlocked" ? 1 : 0);
  return `${last.data.rover} made ${count(moves, "move")}. In the end: ${words(last)}.`;
}

/** What stands where a rover's place would be said. */
export const noRover = "No rover has landed yet. Land one below.";

/** Standing says where a rover is. */
export function standing(rover) {
  const text = `at ${rover.x},${rover.y}, facing ${headings[rover.heading]}`;
  return rover.blocked ? `${text}, stopped by ${obstacle(rover.blocked)}` : text;
}

/** Picture says what the drawing of a grid shows. */
export function picture(grid) {
  const rovers = grid.rovers.slice(0, 20).map((r) => `${r.id} ${standing(r)}`);
  if (grid.rovers.length > 20) rovers.push(`and ${grid.rovers.length - 20} more`);
  const obstacles = count(grid.obstacles.length, "obstacle");
  return `${grid.width} by ${grid.height} cells, north is up, with ${obstacles}. Rovers: ${rovers.join("; ") || "none"}.`;
}
