/** How long one may run before the next gets its turn. */
export const TURN_MS = 1;
/** How long all together may run before timers, signals and sockets get theirs. */
const ROUND_MS = 2;

/**
 * Shares the one thread among those who never wait by themselves. Whoever has more to do asks for
 * another turn; between two rounds of turns the event loop goes round, however many ask. Otherwise
 * a consumer that talks to the database would wait at each answer for all that are busy.
 */
class Turns {
  readonly #waiting: (() => void)[] = [];
  #isPlanned = false;

  /** Runs it when its turn has come. */
  take(run: () => void): void {
    this.#waiting.push(run);
    this.#plan();
  }

  #plan(): void {
    if (this.#isPlanned || this.#waiting.length === 0) return;
    this.#isPlanned = true;
    setImmediate(() => this.#round());
  }

  #round(): void {
    this.#isPlanned = false;
    const until = performance.now() + ROUND_MS;
    try {
      do this.#waiting.shift()?.();
      while (this.#waiting.length > 0 && performance.now() < until);
    } finally {
      this.#plan();
    }
  }
}

/** Those of this process: it has one thread. */
export const turns = new Turns();
