/**
 * Where an error came from that no handler was there to catch: thrown in a timer or an event, or the
 * rejection of a promise that nobody awaits.
 */
export type StrayErrorOrigin = 'uncaughtException' | 'unhandledRejection';

/** Answers the exit code to end the process with; undefined: it goes on. */
export type StrayErrorHandler = (error: unknown, origin: StrayErrorOrigin) => number | undefined;

/**
 * What is thrown outside of everything goes to whoever answers for the process at the time: the
 * command line, and while consumers run, those who run them.
 */
export class StrayErrors {
  #handler: StrayErrorHandler;

  constructor(handler: StrayErrorHandler) {
    this.#handler = handler;
  }

  handle(error: unknown, origin: StrayErrorOrigin): number | undefined {
    return this.#handler(error, origin);
  }

  /** Gives them to another handler. Returns how to give them back. */
  takeOver(handler: StrayErrorHandler): () => void {
    const before = this.#handler;
    this.#handler = handler;
    return () => {
      this.#handler = before;
    };
  }
}
