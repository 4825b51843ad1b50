// The client of /live: one WebSocket a page, for any number of topics. A topic's
// document comes first, then its changes; after a break it goes on behind the
// position it has. The server's side is package live.

const shortest = 1000; // milliseconds before the next attempt: this, doubled each time,
const longest = 30000; // up to this

/**
 * Live is a connection that mends itself.
 *
 * on is called with its state: "connecting", "live" or "offline".
 */
export class Live {
  #url;
  #on;
  #world;
  #topics = new Map(); // name -> {document, change, error, position}
  #socket = null;
  #open = false;
  #state = "";
  #failures = 0;
  #timer = null;

  /** The world is what tests replace: { WebSocket, setTimeout, clearTimeout, random }. */
  constructor(url, on = () => {}, world = browser()) {
    this.#url = url;
    this.#on = on;
    this.#world = world;
  }

  /**
   * Subscribe follows a topic. handlers.document gets the state of the topic and
   * handlers.change each change of it, both with its position; handlers.error the
   * word of a server that has no such topic. Topics that the server cannot read now
   * are tried again. The function it returns ends it.
   */
  subscribe(name, handlers, after = null) {
    const topic = { ...handlers, position: after, retry: null };
    this.#forget(name);
    this.#topics.set(name, topic);
    if (this.#open) this.#ask(name, topic);
    else if (!this.#socket && this.#timer === null) this.#connect();
    return () => {
      if (this.#topics.get(name) !== topic) return;
      this.#forget(name);
      if (this.#open) this.#send({ unsubscribe: name });
    };
  }

  /** Renew has the document of a topic sent again. */
  renew(name) {
    const topic = this.#topics.get(name);
    if (!topic) return;
    topic.position = null;
    if (this.#open) this.#ask(name, topic);
  }

  /** Wake tries at once, for when the network is back or the page is seen again. */
  wake() {
    if (this.#timer === null) return;
    this.#world.clearTimeout(this.#timer);
    this.#timer = null;
    this.#connect();
  }

  #forget(name) {
    const topic = this.#topics.get(name);
    if (topic?.retry) this.#world.clearTimeout(topic.retry);
    this.#topics.delete(name);
  }

  #tell(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#on(state);
  }

  #connect() {
    this.#tell(this.#failures > 0 ? "offline" : "connecting");
    const socket = new this.#world.WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => {
      this.#open = true;
      this.#tell("live");
      for (const [name, topic] of this.#topics) this.#ask(name, topic);
    };
    socket.onmessage = (event) => this.#hear(JSON.parse(event.data));
    socket.onclose = () => {
      this.#socket = null;
      this.#open = false;
      this.#failures++;
      this.#tell("offline");
      this.#timer = this.#world.setTimeout(() => {
        this.#timer = null;
        this.#connect();
      }, this.#pause(this.#failures));
    };
  }

  /** Pause is how long to wait: between a half and the whole of a time that doubles, at least a second. */
  #pause(failures) {
    const whole = Math.min(longest, shortest * 2 ** failures);
    return whole / 2 + (this.#world.random() * whole) / 2;
  }

  #ask(name, topic) {
    const message = { subscribe: name };
    if (topic.position !== null) message.after = topic.position;
    this.#send(message);
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #hear(message) {
    this.#failures = 0; // it works: the server has more to say than hello
    const topic = this.#topics.get(message.topic);
    if (!topic) return; // of a subscription that is over
    if (message.error !== undefined) {
      this.#fail(message, topic);
    } else if (message.document !== undefined) {
      topic.position = message.position;
      topic.document?.(message.document, message.position);
    } else if (message.change !== undefined) {
      if (topic.position !== null && message.position <= topic.position) return;
      topic.position = message.position;
      topic.change?.(message.change, message.position);
    }
  }

  #fail(message, topic) {
    if (message.error === "unavailable") {
      topic.retry = this.#world.setTimeout(() => {
        topic.retry = null;
        if (this.#open && this.#topics.get(message.topic) === topic) this.#ask(message.topic, topic);
      }, this.#pause(1));
      return;
    }
    this.#topics.delete(message.topic);
    topic.error?.(message.error);
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

const words = { connecting: "Connecting…", live: "Live", offline: "Offline, trying again" };

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
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) live.wake();
  });
  return live;
}
