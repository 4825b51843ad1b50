// The client of /live: one WebSocket a page, for any number of topics. A topic's
// document comes first, then its changes; after a break it goes on behind the
// position it has. The server's side is package live, whose doc.go has the protocol.

const shortest = 1000; // milliseconds before the next attempt: this, doubled each time,
const longest = 30000; // up to this

// A connection can end without a word. After this long without a message, or twice, it
// is probed. A probe must be answered within patience, which doubles when it was not:
// the line may be slow, and the document before the answer large.
const silence = 20000;
const patience = 5000;
const mostPatience = 60000;

/**
 * Live is a connection that mends itself.
 *
 * on is called with its state: "connecting", "live" when all topics have been
 * answered, "behind" while there is one that the server cannot read or has an older
 * state of than was shown, or "offline".
 */
export class Live {
  #url;
  #on;
  #world;
  #topics = new Map(); // name -> see subscribe
  #socket = null;
  #open = false;
  #state = "";
  #failures = 0;
  #timer = null; // of the next attempt
  #watch = null; // of the next look whether anything was heard
  #heard = false; // since the last look
  #probes = 0; // sent: the number of the last one
  #answer = null; // the timer of the answer to it, or to the attempt to connect
  #unanswered = 0; // in a row

  /** The world is what tests replace: { WebSocket, setTimeout, clearTimeout, random }. */
  constructor(url, on = () => {}, world = browser()) {
    this.#url = url;
    this.#on = on;
    this.#world = world;
  }

  /**
   * Subscribe follows a topic. handlers.document gets the state of the topic and
   * handlers.change each change of it, both with its position, which never gets lower,
   * but once with a document when the server's history was restored; handlers.error
   * gets the word of a server that has no such topic. Topics that the server cannot
   * read now are tried again. The function it returns ends it.
   */
  subscribe(name, handlers, after = null) {
    const topic = {
      ...handlers,
      position: after, // what is shown
      answered: false, // on this connection
      trouble: 0, // how often in a row the server could not give what is wanted
      whole: false, // the document is wanted: changes are of no use
      retry: null,
    };
    this.#forget(name);
    this.#topics.set(name, topic);
    if (this.#open) this.#ask(name, topic);
    else if (!this.#socket && this.#timer === null) this.#connect();
    return () => {
      if (this.#topics.get(name) !== topic) return;
      this.#forget(name);
      if (this.#open) this.#send({ unsubscribe: name });
      this.#tell();
    };
  }

  /** Renew has the document of a topic sent again, not older than what there is. */
  renew(name) {
    const topic = this.#topics.get(name);
    if (!topic) return;
    topic.whole = true;
    if (this.#open) this.#ask(name, topic);
  }

  /**
   * Wake is for when the network is back or the page is seen again: it tries at once,
   * or finds out whether the connection is still one.
   */
  wake() {
    if (this.#open) {
      this.#probe();
    } else if (this.#timer !== null) {
      this.#world.clearTimeout(this.#timer);
      this.#timer = null;
      this.#connect();
    }
  }

  #forget(name) {
    const topic = this.#topics.get(name);
    if (topic?.retry) this.#world.clearTimeout(topic.retry);
    this.#topics.delete(name);
  }

  #tell() {
    let state = !this.#open && this.#failures > 0 ? "offline" : "connecting";
    if (this.#open) {
      const topics = [...this.#topics.values()];
      if (topics.some((t) => t.trouble > 0)) state = "behind";
      else if (topics.every((t) => t.answered)) state = "live";
    }
    if (state === this.#state) return;
    this.#state = state;
    this.#on(state);
  }

  // The connection

  #connect() {
    this.#tell();
    const socket = new this.#world.WebSocket(this.#url);
    this.#socket = socket;
    this.#expect();
    socket.onopen = () => {
      this.#expected();
      this.#open = true;
      this.#heard = true;
      this.#look();
      for (const [name, topic] of this.#topics) this.#ask(name, topic);
      this.#tell();
    };
    socket.onmessage = (event) => this.#hear(JSON.parse(event.data));
    socket.onclose = () => this.#lost();
  }

  /** Lost gives up the connection, or the attempt, and plans the next one. */
  #lost() {
    this.#expected();
    this.#world.clearTimeout(this.#watch);
    this.#socket = null;
    this.#open = false;
    this.#failures++;
    for (const topic of this.#topics.values()) {
      if (topic.retry) this.#world.clearTimeout(topic.retry);
      topic.retry = null;
      topic.answered = false;
    }
    this.#tell();
    this.#timer = this.#world.setTimeout(() => {
      this.#timer = null;
      this.#connect();
    }, this.#pause(this.#failures));
  }

  /** Look probes a connection on which nothing came since the last look. */
  #look() {
    if (!this.#heard) this.#probe();
    this.#heard = false;
    this.#watch = this.#world.setTimeout(() => this.#look(), silence);
  }

  #probe() {
    if (this.#answer !== null) return;
    this.#send({ ping: ++this.#probes });
    this.#expect();
  }

  /** Expect gives up a socket that neither opens nor answers in time. */
  #expect() {
    const socket = this.#socket;
    this.#answer = this.#world.setTimeout(
      () => {
        this.#unanswered++;
        // It would be told of the end only after another wait for the other side.
        socket.onopen = socket.onmessage = socket.onclose = null;
        socket.close();
        this.#lost();
      },
      Math.min(mostPatience, patience * 2 ** this.#unanswered),
    );
  }

  #expected() {
    this.#world.clearTimeout(this.#answer);
    this.#answer = null;
  }

  /** Pause is how long to wait: between a half and the whole of a time that doubles, at least a second. */
  #pause(failures) {
    const whole = Math.min(longest, shortest * 2 ** failures);
    return whole / 2 + (this.#world.random() * whole) / 2;
  }

  #ask(name, topic) {
    const message = { subscribe: name };
    if (topic.position !== null) message.after = topic.position;
    if (topic.position !== null && topic.whole) message.renew = true;
    this.#send(message);
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  // What the server says

  #hear(message) {
    this.#heard = true;
    this.#failures = 0; // it works: the server has more to say than hello
    if (message.pong !== undefined) {
      if (message.pong !== this.#probes || this.#answer === null) return;
      this.#unanswered = 0;
      this.#expected();
      return;
    }
    const topic = this.#topics.get(message.topic);
    if (!topic) return; // of a subscription that is over
    if (message.error !== undefined) {
      this.#fail(message, topic);
    } else if (message.document !== undefined) {
      if (topic.position !== null && message.position < topic.position && !message.restored) {
        // It is older than what is shown. What follows it is passed over, until a
        // document is there that is not.
        this.#again(message.topic, topic);
        return;
      }
      this.#good(topic);
      topic.whole = false;
      topic.position = message.position;
      topic.document?.(message.document, message.position);
    } else if (message.change !== undefined) {
      if (topic.whole || (topic.position !== null && message.position <= topic.position)) return;
      topic.position = message.position;
      topic.change?.(message.change, message.position);
    } else if (!topic.whole) {
      this.#good(topic); // it goes on where it was
    }
  }

  #good(topic) {
    topic.answered = true;
    topic.trouble = 0;
    if (topic.retry) this.#world.clearTimeout(topic.retry);
    topic.retry = null;
    this.#tell();
  }

  #fail(message, topic) {
    if (message.error === "unavailable") {
      this.#again(message.topic, topic, topic.whole);
      return;
    }
    this.#forget(message.topic);
    this.#tell();
    topic.error?.(message.error);
  }

  /** Again asks for a topic in a while: longer each time, until there is what is wanted. */
  #again(name, topic, whole = true) {
    topic.whole = whole;
    topic.trouble++;
    this.#tell();
    if (topic.retry) return;
    topic.retry = this.#world.setTimeout(() => {
      topic.retry = null;
      if (this.#open && this.#topics.get(name) === topic) this.#ask(name, topic);
    }, this.#pause(topic.trouble));
  }
}

function browser() {
  return {
    WebSocket: globalThis.WebSocket,
    setTimeout: (f, after) => setTimeout(f, after),
    clearTimeout: (timer) => clearTimeout(timer),
    random: Math.random,
  };
}

const words = {
  connecting: "Connecting…",
  live: "Live",
  behind: "Waiting for the newest state",
  offline: "Offline, trying again",
};

/** Connect opens the connection of a page and shows its state in the layout. */
export function connect() {
  const place = document.querySelector("[data-connection]");
  const url = new URL("/live", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const live = new Live(url.href, (state) => {
    if (!place) return;
    place.dataset.connection = state;
    place.textContent = words[state];
  });
  addEventListener("online", () => live.wake());
  addEventListener("pageshow", (event) => {
    if (event.persisted) live.wake();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) live.wake();
  });
  return live;
}
