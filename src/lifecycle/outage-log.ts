import type { Logger } from 'pino';

/**
 * Tells of the database's outages: one line when it begins and one when all is well again, however
 * many parts of the process notice it, and however often they try.
 */
export class OutageLog {
  readonly #logger: Logger;
  readonly #affected = new Set<string>();
  #since = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @param part who has lost the database; the same name again changes nothing */
  lost(part: string, error: unknown): void {
    if (this.#affected.size === 0) {
      this.#since = performance.now();
      this.#logger.warn({ part, err: error }, 'database connection lost, trying again');
    } else if (!this.#affected.has(part)) {
      this.#logger.debug({ part, err: error }, 'database connection lost, too');
    }
    this.#affected.add(part);
  }

  /** Does nothing for a part that has lost nothing. */
  back(part: string): void {
    if (!this.#affected.delete(part)) return;
    this.#logger.debug({ part }, 'database connection of this part is back');
    if (this.#affected.size > 0) return;
    const seconds = Math.round((performance.now() - this.#since) / 100) / 10;
    this.#logger.info({ seconds }, 'database connection back');
  }
}
