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
    close() {
      this.closed = true;
    }
  };
  w.setTimeout = (f, after) => {
    w.timers.push({ f, after });
    return w.timers.length;
  };
  w.clearTimeout = (timer) => {
    w.timers[timer - 1] = null;
  };
  // The last timer that is set rings, or the last one of so many milliseconds.
  w.ring = (after) => {
    const i = w.timers.findLastIndex((t) => t && (after === undefined || t.after === after));
    const timer = w.timers[i];
    w.timers[i] = null;
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
  assert.equal(states.at(-1), "connecting"); // until all topics are answered
  assert.deepEqual(w.sockets[1].sent, [
    { subscribe: "a", after: 3 },
    { subscribe: "b", after: 5 },
  ]);
  w.sockets[1].say({ topic: "a", position: 3 });
  assert.equal(states.at(-1), "connecting");
  w.sockets[1].say({ topic: "b", position: 5 });
  assert.equal(states.at(-1), "live");
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
  live.wake(); // and it tries again
  assert.equal(w.sockets.length, 2);
});

const pings = (socket) => socket.sent.filter((m) => m.ping).length;

test("a connection that is dead without a word is noticed when the page wakes", () => {
  const w = world();
  const states = [];
  const live = new Live("ws://x/live", (s) => states.push(s), w);
  const { heard } = follow(live, "a");
  const [s] = w.sockets;
  s.onopen();
  s.say({ topic: "a", position: 1, document: 0 });
  live.wake();
  live.wake();
  assert.deepEqual(s.sent.slice(1), [{ ping: 1 }]);
  s.say({ pong: 1 });
  live.wake();
  s.say({ topic: "a", position: 2, change: "from before the end" });
  s.say({ pong: 1 });
  assert.equal(states.at(-1), "live");
  assert.equal(w.ring(5000), 5000); // there is no answer to the second
  assert.ok(s.closed);
  assert.equal(s.onmessage, null);
  assert.equal(states.at(-1), "offline");
  assert.equal(w.ring(), 2000);
  w.sockets[1].onopen();
  assert.deepEqual(w.sockets[1].sent, [{ subscribe: "a", after: 2 }]);
  w.sockets[1].say({ topic: "a", position: 2 });
  assert.equal(states.at(-1), "live");
  assert.equal(heard.length, 2);

  // The next time it waits longer; until an answer comes.
  live.wake();
  w.ring(10000);
  w.ring();
  w.sockets[2].onopen();
  live.wake();
  w.sockets[2].say({ pong: 4 });
  assert.deepEqual(w.sockets[2].sent.at(-1), { ping: 4 });
  live.wake();
  w.ring(5000);
});

test("a silent connection is probed, another is not", () => {
  const w = world();
  const live = new Live("ws://x/live", undefined, w);
  follow(live, "a");
  const [s] = w.sockets;
  s.onopen();
  for (let i = 1; i < 5; i++) {
    s.say({ topic: "a", position: i, change: "" });
    w.ring(20000);
  }
  assert.equal(pings(s), 0);
  w.ring(20000);
  assert.equal(pings(s), 1);
  s.say({ pong: 1 });
  w.ring(20000);
  assert.equal(pings(s), 1);
  w.ring(20000);
  w.ring(5000);
  assert.ok(s.closed);
  assert.deepEqual(
    w.timers.filter((t) => t).map((t) => t.after),
    [2000],
  );
});

test("an attempt that comes to nothing is given up", () => {
  const w = world();
  const states = [];
  const live = new Live("ws://x/live", (s) => states.push(s), w);
  follow(live, "a");
  live.wake();
  assert.equal(w.ring(), 5000);
  assert.ok(w.sockets[0].closed);
  assert.deepEqual(states, ["connecting", "offline"]);
  assert.equal(w.ring(), 2000);
  assert.equal(w.sockets.length, 2);
  assert.equal(w.ring(), 10000);
});

test("what is older than what was shown is not, until the server has it", () => {
  const w = world();
  const states = [];
  const live = new Live("ws://x/live", (s) => states.push(s), w);
  const { heard } = follow(live, "a");
  w.sockets[0].onopen();
  w.sockets[0].say({ topic: "a", position: 9, document: "nine" });
  w.sockets[0].onclose();
  w.ring();
  const s = w.sockets[1]; // of another node
  s.onopen();
  s.say({ topic: "a", position: 5, behind: true, document: "five" });
  assert.equal(states.at(-1), "behind");
  s.say({ topic: "a", position: 6, change: "six" });
  assert.equal(w.ring(2000), 2000);
  assert.deepEqual(s.sent.at(-1), { subscribe: "a", after: 9, renew: true });
  s.say({ topic: "a", position: 8, behind: true, document: "eight" });
  s.say({ topic: "a", position: 9, change: "nine" });
  s.say({ topic: "a", position: 10, change: "ten" }); // on what is not known
  assert.deepEqual(heard, [["document", "nine", 9]]);
  assert.equal(w.ring(4000), 4000);
  s.say({ topic: "a", position: 10, document: "ten" });
  assert.equal(states.at(-1), "live");
  s.say({ topic: "a", position: 11, change: "eleven" });
  assert.deepEqual(heard.slice(1), [
    ["document", "ten", 10],
    ["change", "eleven", 11],
  ]);
  // What ends the waiting may come before the next attempt.
  s.say({ topic: "a", position: 5, behind: true, document: "five" });
  s.say({ topic: "a", position: 12, document: "twelve" });
  assert.ok(!w.timers.some((t) => t?.after === 2000));
  assert.equal(states.at(-1), "live");
});

test("a history that was restored is believed", () => {
  const w = world();
  const states = [];
  const live = new Live("ws://x/live", (s) => states.push(s), w);
  const { heard } = follow(live, "a", 9);
  const [s] = w.sockets;
  s.onopen();
  s.say({ topic: "a", position: 5, restored: true, document: "five" });
  s.say({ topic: "a", position: 6, change: "six" });
  assert.deepEqual(heard, [
    ["document", "five", 5],
    ["change", "six", 6],
  ]);
  assert.deepEqual(states, ["connecting", "live"]);
});

test("what is not available is asked for again and again, behind what is shown", () => {
  const w = world();
  const states = [];
  const live = new Live("ws://x/live", (s) => states.push(s), w);
  const { heard } = follow(live, "a");
  const [s] = w.sockets;
  s.onopen();
  s.say({ topic: "a", position: 1, document: 1 });
  for (const wait of [2000, 4000, 8000, 16000, 30000, 30000]) {
    s.say({ topic: "a", error: "unavailable" });
    assert.equal(states.at(-1), "behind");
    w.ring(wait);
    assert.deepEqual(s.sent.at(-1), { subscribe: "a", after: 1 });
  }
  s.say({ topic: "a", position: 1 });
  assert.equal(states.at(-1), "live");
  s.say({ topic: "a", position: 2, change: 2 });
  s.say({ topic: "a", error: "unavailable" });
  s.onclose(); // the next connection asks at once
  w.ring();
  assert.equal(w.timers.filter((t) => t).length, 1);
  w.sockets[1].onopen();
  assert.deepEqual(w.sockets[1].sent, [{ subscribe: "a", after: 2 }]);
  w.sockets[1].say({ topic: "a", position: 3, document: 3 });
  assert.equal(states.at(-1), "live");
  assert.deepEqual(heard, [
    ["document", 1, 1],
    ["change", 2, 2],
    ["document", 3, 3],
  ]);
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
  w.ring(2000);
  assert.deepEqual(s.sent, [{ subscribe: "b" }]);
  assert.deepEqual(b.heard, []);
});

test("renew asks for the document", () => {
  const w = world();
  const live = new Live("ws://x/live", undefined, w);
  const { heard } = follow(live, "a", 4);
  w.sockets[0].onopen();
  live.renew("a");
  assert.deepEqual(w.sockets[0].sent.at(-1), { subscribe: "a", after: 4, renew: true });
  w.sockets[0].say({ topic: "a", position: 5, change: "of no use" });
  w.sockets[0].say({ topic: "a", position: 4, document: 1 });
  assert.deepEqual(heard, [["document", 1, 4]]);
});
