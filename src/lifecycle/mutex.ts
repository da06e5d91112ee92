/** Runs one task after the other, in the order in which they were given. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();
  #tasks = 0;

  /** No task runs or waits. */
  get isIdle(): boolean {
    return this.#tasks === 0;
  }

  run<T>(task: () => Promise<T>): Promise<T> {
    this.#tasks += 1;
    const result = this.#last.then(task).finally(() => {
      this.#tasks -= 1;
    });
    // Whoever awaits the result sees its failure; the next task is no part of it.
    this.#last = result.catch(() => {});
    return result;
  }
}
