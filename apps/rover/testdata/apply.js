// Reads {grid, changes} and writes the grid after the changes, for TestModelsAgree.

import { readFileSync } from "node:fs";
import { apply } from "../static/model.js";
import { picture } from "../static/words.js";

const { grid, changes } = JSON.parse(readFileSync(0));
for (const change of changes) apply(grid, change);
process.stdout.write(JSON.stringify({ grid, picture: picture(grid) }));
