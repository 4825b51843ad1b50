// Sends moves one command after another. Moves that come while a command is under way
// wait, and go together as the next command.

const longest = 200; // moves of one command

export class Driver {
  #send;
  #done;
  #failed;
  #waiting = []; // {rover, moves}
  #busy = false;

  constructor(send, done, failed) {
    this.#send = send;
    this.#done = done;
    this.#failed = failed;
  }

  /** Idle says whether nothing waits: a key that is held down has to wait for that. */
  get idle() {
    return this.#waiting.length === 0;
  }

  drive(rover, moves) {
    const last = this.#waiting.at(-1);
    if (last?.rover === rover && last.moves.length + moves.length <= longest) last.moves += moves;
    else this.#waiting.push({ rover, moves });
    if (!this.#busy) this.#run();
  }

  async #run() {
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const { rover, moves } = this.#waiting.shift();
      try {
        this.#done(await this.#send(rover, moves));
      } catch (error) {
        this.#waiting.length = 0; // what was to follow was meant for another place
        this.#failed(error);
      }
    }
    this.#busy = false;
  }
}
