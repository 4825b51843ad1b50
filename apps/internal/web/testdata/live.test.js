// Run by TestModules, or: node --test apps/internal/web/testdata

import assert from "node:assert/strict";
import { test } from "node:test";
import { Live } from "../static/live.js";

// world is a page without a network: sockets and timers that the test moves.
function world() {
  const w = { sockets: [], timers: [], random: () => 1 };
  w.WebSocket = class {
    sent = [];
    constructor(url) {
      this.url = url;
      w.sockets.push(this);
    }
    send(text) {
      this.sent.push(JSON.parse(text));
    }
    say(message) {
      this.onmessage({ data: JSON.stringify(message) });
    }
  };
  w.setTimeout = (f, after) => {
    w.timers.push({ f, after });
    return w.timers.length;
  };
  w.clearTimeout = (timer) => {
    w.timers[timer - 1] = null;
  };
  w.ring = () => {
    const timer = w.timers.pop();
    timer.f();
    return timer.after;
  };
  return w;
}

function follow(live, topic, after) {
  const heard = [];
  const stop = live.subscribe(
    topic,
    {
      document: (d, p) => heard.push(["document", d, p]),
      change: (c, p) => heard.push(["change", c, p]),
      error: (e) => heard.push(["error", e]),
    },
    after,
  );
  return { heard, stop };
}

test("a document, then changes; what it has already is passed over", () => {
  const w = world();
  const states = [];
  const live = new Live("ws://x/live", (s) => states.push(s), w);
  const { heard } = follow(live, "grid/mars");
  assert.equal(w.sockets.length, 1);
  const [s] = w.sockets;
  s.onopen();
  assert.deepEqual(s.sent, [{ subscribe: "grid/mars" }]);
  s.say({ topic: "grid/mars", position: 7, document: { a: 1 } });
  s.say({ topic: "grid/mars", position: 7, change: "old" });
  s.say({ topic: "grid/mars", position: 8, change: "new" });
  s.say({ topic: "grid/venus", position: 9, change: "of another" });
  assert.deepEqual(heard, [
    ["document", { a: 1 }, 7],
    ["change", "new", 8],
  ]);
  assert.deepEqual(states, ["connecting", "live"]);
});

test("one socket for all topics, which go on behind what they have", () => {
  const w = world();
  const states = [];
  const live = new Live("ws://x/live", (s) => states.push(s), w);
  const a = follow(live, "a");
  const b = follow(live, "b", 5);
  const c = follow(live, "c");
  w.sockets[0].onopen();
  assert.deepEqual(w.sockets[0].sent, [{ subscribe: "a" }, { subscribe: "b", after: 5 }, { subscribe: "c" }]);
  w.sockets[0].say({ topic: "a", position: 3, document: 0 });
  w.sockets[0].say({ topic: "b", position: 5 });
  c.stop();
  assert.deepEqual(w.sockets[0].sent.at(-1), { unsubscribe: "c" });
  w.sockets[0].onclose();
  assert.equal(states.at(-1), "offline");
  assert.equal(w.ring(), 2000);
  w.sockets[1].onopen();
  assert.equal(states.at(-1), "live");
  assert.deepEqual(w.sockets[1].sent, [
    { subscribe: "a", after: 3 },
    { subscribe: "b", after: 5 },
  ]);
  w.sockets[1].say({ topic: "b", position: 6, change: "x" });
  assert.deepEqual(a.heard, [["document", 0, 3]]);
  assert.deepEqual(b.heard, [["change", "x", 6]]);
});

test("it waits longer each time, not as long as others, and a second at least", () => {
  const w = world();
  const live = new Live("ws://x/live", undefined, w);
  follow(live, "a");
  const waits = [];
  for (let i = 0; i < 7; i++) {
    w.sockets.at(-1).onclose();
    waits.push(w.ring());
  }
  assert.deepEqual(waits, [2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  w.random = () => 0;
  w.sockets.at(-1).onopen();
  w.sockets.at(-1).say({ topic: "a", position: 1, document: 0 });
  w.sockets.at(-1).onclose();
  assert.equal(w.ring(), 1000);
});

test("a server that only accepts is no success", () => {
  const w = world();
  const live = new Live("ws://x/live", undefined, w);
  follow(live, "a");
  for (const wait of [2000, 4000]) {
    w.sockets.at(-1).onopen();
    w.sockets.at(-1).onclose();
    assert.equal(w.ring(), wait);
  }
});

test("wake tries at once", () => {
  const w = world();
  const live = new Live("ws://x/live", undefined, w);
  follow(live, "a");
  live.wake(); // it tries already
  assert.equal(w.sockets.length, 1);
  w.sockets[0].onclose();
  live.wake();
  assert.equal(w.sockets.length, 2);
  assert.deepEqual(w.timers, [null]);
});

test("errors end a subscription, but for what passes", () => {
  const w = world();
  const live = new Live("ws://x/live", undefined, w);
  const a = follow(live, "a");
  const b = follow(live, "b");
  const [s] = w.sockets;
  s.onopen();
  s.sent.length = 0;
  s.say({ topic: "a", error: "unknown topic" });
  s.say({ topic: "a", position: 1, change: "late" });
  assert.deepEqual(a.heard, [["error", "unknown topic"]]);
  s.say({ topic: "b", error: "unavailable" });
  assert.deepEqual(s.sent, []);
  w.ring();
  assert.deepEqual(s.sent, [{ subscribe: "b" }]);
  assert.deepEqual(b.heard, []);
});

test("renew asks for the document", () => {
  const w = world();
  const live = new Live("ws://x/live", undefined, w);
  const { heard } = follow(live, "a", 4);
  w.sockets[0].onopen();
  live.renew("a");
  assert.deepEqual(w.sockets[0].sent.at(-1), { subscribe: "a" });
  w.sockets[0].say({ topic: "a", position: 4, document: 1 });
  assert.deepEqual(heard, [["document", 1, 4]]);
});
