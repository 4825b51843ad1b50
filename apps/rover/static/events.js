// The list of what happened, the newest first.

import { get } from "../call.js";
import { show as showTime } from "../time.js";
import { words } from "./words.js";

const most = 500; // items that stay in the page

export class Events {
  #list;
  #template;
  #older;
  #path;
  #travel;
  #more;

  constructor(list, template, older, path, travel) {
    this.#list = list;
    this.#template = template;
    this.#older = older;
    this.#path = path;
    this.#travel = travel;
    this.#more = !older.parentElement.hidden;
    list.addEventListener("click", (event) => this.#click(event));
    older.addEventListener("click", (event) => {
      event.preventDefault();
      this.#page();
    });
    if (new URLSearchParams(location.search).has("before")) list.replaceChildren();
  }

  /** Complete fetches what the list lacks up to a version. */
  async complete(version) {
    if (version <= this.#newest()) return;
    let page;
    try {
      page = await get(`${this.#path}/events?limit=50`);
    } catch {
      return; // the next event tries again
    }
    const newest = this.#newest();
    const fresh = page.events.filter((e) => e.version > newest);
    if (newest > 0 && fresh.at(-1)?.version > newest + 1) this.#list.replaceChildren(); // a gap
    if (!this.#list.firstElementChild) this.#offer(page.more);
    for (const event of fresh.reverse()) this.#put(event);
  }

  /** Add puts an event in front. */
  add(event) {
    const newest = this.#newest();
    if (event.version <= newest) return;
    if (event.version > newest + 1) {
      this.complete(event.version);
      return;
    }
    this.#put(event);
  }

  /** Mark shows which version the drawing has; none marks none. */
  mark(version) {
    for (const item of this.#list.querySelectorAll("[aria-current]")) item.removeAttribute("aria-current");
    if (version) this.#list.querySelector(`[data-version="${version}"]`)?.setAttribute("aria-current", "true");
  }

  #newest() {
    return Number(this.#list.firstElementChild?.dataset.version ?? 0);
  }

  #put(event) {
    if (event.version <= this.#newest()) return;
    this.#list.prepend(this.#item(event));
    while (this.#list.children.length > most) {
      this.#list.lastElementChild.remove();
      this.#offer(true);
    }
  }

  #item(event) {
    const item = this.#template.content.firstElementChild.cloneNode(true);
    item.dataset.version = event.version;
    const link = item.querySelector("a");
    link.href = `?version=${event.version}`;
    link.lastChild.textContent = event.version;
    item.querySelector(".event-words").textContent = `${words(event)}.`;
    showTime(item.querySelector("time"), event.time);
    return item;
  }

  #offer(more) {
    this.#more = more;
    this.#older.parentElement.hidden = !more;
  }

  async #page() {
    const oldest = this.#list.lastElementChild?.dataset.version;
    if (!oldest || !this.#more) return;
    try {
      const page = await get(`${this.#path}/events?before=${oldest}&limit=50`);
      this.#list.append(...page.events.map((e) => this.#item(e)));
      this.#offer(page.more);
    } catch {
      // The button stays, for another try.
    }
  }

  #click(event) {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    this.#travel(Number(link.closest("[data-version]").dataset.version));
  }
}
