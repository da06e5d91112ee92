import { PgwatchError } from '../errors.ts';
import { serverUrls } from '../server-urls.ts';

/** The servers that a database URL names. One of them is the primary: the last that was found so. */
export class Servers {
  readonly #urls: readonly string[];
  #next = 0;

  constructor(url: string) {
    this.#urls = serverUrls(url);
  }

  /** The one to connect to now. */
  get next(): string {
    return this.#urls[this.#next] ?? '';
  }

  /** That one cannot be reached, or is no primary: the one after it is tried next. */
  passOver(url: string): void {
    if (url === this.next) this.#next = (this.#next + 1) % this.#urls.length;
  }

  /**
   * Tries one server after the other until one works.
   * @throws DATABASE_STANDBY when one of them may yet be promoted; else what the first one said
   */
  async inTurn<T>(task: () => Promise<T>): Promise<T> {
    const errors: unknown[] = [];
    for (const _ of this.#urls) {
      const tried = this.next;
      try {
        return await task();
      } catch (error) {
        errors.push(error);
        if (this.next === tried) break;
      }
    }
    throw errors.find(isStandby) ?? errors[0];
  }
}

/** Whether there is a server that will do as soon as it is promoted. */
export function isStandby(error: unknown): boolean {
  return error instanceof PgwatchError && error.code === 'DATABASE_STANDBY';
}
