// Run by TestShopModules, or: node --test apps/tickets/testdata

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ahead, cartKey, clock, money, poolKey, price, span } from "../static/words.js";

const examples = JSON.parse(readFileSync(new URL("words.json", import.meta.url)));

test("words are those of the server", () => {
  for (const [amount, currency, want] of examples.money) assert.equal(money(amount, currency), want);
  for (const [seconds, want] of examples.span) assert.equal(span(seconds), want);
  for (const [n, want] of examples.ahead) assert.equal(ahead(n), want);
});

test("keys are those of the server", () => {
  const now = Date.parse("2030-01-01T00:00:00Z");
  for (const { pool, key } of examples.pools) assert.equal(poolKey(pool, now), key);
  for (const { cart, key } of examples.carts) assert.equal(cartKey(cart), key);
});

test("who is let in leaves the waiting room", () => {
  const pool = { status: "open", available: 2, waiting: 0, eventDate: "2030-01-02T00:00:00Z", rule: { version: 1 }, room: { admitted: 3 } };
  assert.equal(poolKey(pool, 0, 4), "room 1");
  assert.equal(poolKey(pool, 0, 3), "open 1");
});

test("what costs nothing is free", () => {
  assert.equal(price(0, "EUR"), "Free");
  assert.equal(price(1, "EUR"), "€0.01");
});

test("a countdown ends at nothing", () => {
  for (const [seconds, want] of [[600, "10:00"], [59.2, "1:00"], [9, "0:09"], [0, "0:00"], [-5, "0:00"]]) assert.equal(clock(seconds), want);
});
