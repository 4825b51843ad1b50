// The document of a grid, kept up to date by its events: as projection.go does it.

const longestPath = 100;

/**
 * Apply changes a grid because of one event that comes behind its version. It says
 * whether it did: an event that the grid has already changes nothing. A gap is an
 * error.
 */
export function apply(grid, event) {
  if (event.version <= grid.version) return false;
  if (event.version !== grid.version + 1) throw new Error(`version ${event.version} does not follow ${grid.version}`);
  const { type, data } = event;
  grid.version = event.version;
  grid.position = event.position;
  grid.updated = event.time;
  if (type === "RoverLanded") {
    const { rover: id, x, y, heading } = data;
    grid.rovers.push({ id, x, y, heading, moves: 0, path: [{ x, y }] });
    return true;
  }
  const rover = grid.rovers.find((r) => r.id === data.rover);
  if (!rover) return true;
  if (type === "RoverBlocked") {
    const { x, y, by, other, left } = data;
    rover.blocked = { x, y, by, other, left };
    return true;
  }
  delete rover.blocked;
  rover.moves++;
  if (data.heading) {
    rover.heading = data.heading;
  } else {
    rover.x = data.x;
    rover.y = data.y;
    rover.path.push({ x: data.x, y: data.y });
    if (rover.path.length > longestPath) rover.path.shift();
  }
  return true;
}
