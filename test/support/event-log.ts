/** Collects what happens, and lets a test wait for it. */
export class EventLog<T> {
  readonly all: T[] = [];
  readonly #waiting = new Set<() => void>();

  readonly add = (event: T): void => {
    this.all.push(event);
    for (const check of this.#waiting) check();
  };

  /** Resolves with the first event, past or to come, that matches. */
  first(matches: (event: T) => boolean): Promise<T> {
    return this.until((all) => all.find(matches));
  }

  /** Resolves as soon as the question has an answer. */
  until<R>(ask: (all: readonly T[]) => R | undefined | false): Promise<R> {
    return new Promise((resolve) => {
      const check = () => {
        const answer = ask(this.all);
        if (answer === undefined || answer === false) return;
        this.#waiting.delete(check);
        resolve(answer);
      };
      this.#waiting.add(check);
      check();
    });
  }

  /** Resolves when there are so many. */
  count(number: number): Promise<readonly T[]> {
    return this.until((all) => all.length >= number && all);
  }
}
