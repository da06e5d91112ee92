import { within } from '../abandonable.ts';

/** However often somebody asks. */
const EVERY_MS = 5_000;
/** Prometheus waits for 10 s by default. */
export const WITHIN_MS = 5_000;

/** Reads something from the database, for all who ask together, and not too often. */
export class SharedReading<Value> {
  readonly #read: () => Promise<Value>;
  readonly #onError: (error: unknown) => void;
  #reading: Promise<Value | undefined> | undefined;
  #last: { readonly at: number; readonly value: Value | undefined } | undefined;
  #failures = 0;

  constructor(read: () => Promise<Value>, onError: (error: unknown) => void) {
    this.#read = read;
    this.#onError = onError;
  }

  /** How often it could not be read. */
  get failures(): number {
    return this.#failures;
  }

  /** At most 5 s old. Undefined: the database gives no answer, or none within 5 s. Never rejects. */
  async latest(): Promise<Value | undefined> {
    if (this.#last !== undefined && performance.now() - this.#last.at < EVERY_MS) {
      return this.#last.value;
    }
    this.#reading ??= this.#readNow().finally(() => {
      this.#reading = undefined;
    });
    // What takes longer goes on, and nobody begins another one beside it.
    return within(this.#reading, WITHIN_MS).catch((error: unknown) => this.#fail(error));
  }

  async #readNow(): Promise<Value | undefined> {
    const value = await this.#read().catch((error: unknown) => this.#fail(error));
    this.#last = { at: performance.now(), value };
    return value;
  }

  #fail(error: unknown): undefined {
    this.#failures += 1;
    this.#onError(error);
  }
}
