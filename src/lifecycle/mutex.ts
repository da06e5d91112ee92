/** Runs one task after the other, in the order in which they were given. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task);
    // Whoever awaits the result sees its failure; the next task is no part of it.
    this.#last = result.catch(() => {});
    return result;
  }
}
