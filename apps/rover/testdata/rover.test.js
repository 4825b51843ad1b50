// Run by TestModules, or: node --test apps/rover/testdata

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Driver } from "../static/driver.js";
import { apply } from "../static/model.js";
import { gridName, picture, standing, summary, words } from "../static/words.js";

const examples = JSON.parse(readFileSync(new URL("words.json", import.meta.url)));

test("words", () => {
  for (const example of examples) assert.equal(words(example), example.words);
});

test("summary", () => {
  assert.equal(summary([]), "Nothing changed.");
  assert.equal(summary([examples[3]]), "ann landed at 1,2, facing north.");
  assert.equal(summary([examples[4], examples[6]]), "ann made 2 moves. In the end: ann turned left, now facing west.");
  assert.equal(
    summary([examples[4], examples[10]]),
    "ann made 1 move. In the end: ann was stopped by bob at 0,1; not made: F.",
  );
});

test("standing and picture", () => {
  const rover = { id: "ann", x: 1, y: 2, heading: "E", moves: 0, path: [] };
  assert.equal(standing(rover), "at 1,2, facing east");
  const blocked = { ...rover, blocked: { x: 2, y: 2, by: "obstacle", left: "F" } };
  assert.equal(standing(blocked), "at 1,2, facing east, stopped by an obstacle at 2,2");
  const grid = { width: 3, height: 4, obstacles: [], rovers: [] };
  assert.equal(picture(grid), "3 by 4 cells, north is up, with no obstacles. Rovers: none.");
  assert.equal(picture({ ...grid, rovers: [rover] }), "3 by 4 cells, north is up, with no obstacles. Rovers: ann at 1,2, facing east.");
});

test("names of grids", () => {
  for (const id of ["mars", "dmemk4lhliphkxyscw3i2igh", "0199a3c2-7c1e-7abc-8def-0123456789ab7"]) assert.equal(gridName(id), id);
  assert.equal(gridName("0199a3c2-7c1e-7abc-8def-0123456789ab"), "Unnamed grid 6789ab");
});

test("an event that the grid has changes nothing, and a gap is an error", () => {
  const grid = { version: 2, rovers: [], obstacles: [] };
  const landing = { type: "RoverLanded", data: { rover: "ann", x: 0, y: 0, heading: "N" }, time: "t" };
  assert.equal(apply(grid, { ...landing, version: 2 }), false);
  assert.deepEqual(grid.rovers, []);
  assert.throws(() => apply(grid, { ...landing, version: 4 }));
  assert.equal(grid.version, 2);
  assert.equal(apply(grid, { ...landing, version: 3 }), true);
  assert.equal(grid.rovers.length, 1);
});

// A driver whose commands end when the test says so.
function driver() {
  const d = { sent: [], done: [], failed: [] };
  d.driver = new Driver(
    (rover, moves) => new Promise((ok, no) => d.sent.push({ rover, moves, ok, no })),
    (answer) => d.done.push(answer),
    (error) => d.failed.push(error),
  );
  d.settle = () => new Promise((ok) => setImmediate(ok));
  return d;
}

test("moves that wait go together, each rover's apart", async () => {
  const d = driver();
  for (const [rover, moves] of [["ann", "F"], ["ann", "L"], ["ann", "F"], ["bob", "B"], ["ann", "R"]]) d.driver.drive(rover, moves);
  assert.equal(d.driver.idle, false);
  for (let i = 0; i < 4; i++) {
    assert.equal(d.sent.length, i + 1); // one at a time
    d.sent[i].ok(i);
    await d.settle();
  }
  assert.deepEqual(d.sent.map((s) => s.rover + s.moves), ["annF", "annLF", "bobB", "annR"]);
  assert.deepEqual(d.done, [0, 1, 2, 3]);
});

test("after a failure what waits is not sent", async () => {
  const d = driver();
  for (const moves of ["F", "L", "F"]) d.driver.drive("ann", moves);
  d.sent[0].no("refused");
  await d.settle();
  assert.deepEqual([d.sent.length, d.failed, d.driver.idle], [1, ["refused"], true]);
  d.driver.drive("ann", "B");
  assert.equal(d.sent.length, 2);
});

test("a command has at most 200 moves", async () => {
  const d = driver();
  d.driver.drive("ann", "F");
  d.driver.drive("ann", "L".repeat(150));
  d.driver.drive("ann", "R".repeat(100));
  d.sent[0].ok();
  await d.settle();
  assert.equal(d.sent[1].moves.length, 150);
});
