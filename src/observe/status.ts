import type { Database } from '../db/database.ts';
import { type ConsumerStatus, readConsumers } from './consumer-status.ts';
import { type LogStatus, readLogStatus } from './log-status.ts';
import { findOldestWriter, type OldestWriter, seesWritersOfOthers } from './oldest-writer.ts';
import { countPassedSince } from './rates.ts';
import { reading, readWithin } from './reading.ts';

/** How things stand at one moment. */
export interface Status {
  readonly consumers: readonly ConsumerStatus[];
  /** Notifications a second that the consumer's cursor has passed since the status before. */
  readonly rates: ReadonlyMap<string, number>;
  /** False: counting them took too long. */
  readonly areRatesKnown: boolean;
  readonly log: LogStatus;
  readonly oldestWriter: OldestWriter | undefined;
  /** Other roles' transactions cannot be seen by this one: an older writer may be missing. */
  readonly seesOwnWritersOnly: boolean;
}

/** Counting takes milliseconds, or reads what a cursor has passed in a backlog of millions. */
const RATES_WITHIN_MS = 5_000;

/** Reads how things stand, now and later; each time with the rates since the time before. */
export class StatusReader {
  readonly #db: Pick<Database, 'pool' | 'names'>;
  #before: readonly ConsumerStatus[] = [];
  /** Of performance.now(). */
  #readAt = 0;

  constructor(db: Pick<Database, 'pool' | 'names'>) {
    this.#db = db;
  }

  /** There are no rates the first time, nor when counting takes too long: the rest is told all the same. */
  async read(): Promise<Status> {
    const { pool, names } = this.#db;
    const readAt = performance.now();
    return reading(pool, async (db) => {
      const passed = await readWithin(db, RATES_WITHIN_MS, () =>
        countPassedSince(db, names, this.#before),
      );
      const seconds = (readAt - this.#readAt) / 1000;
      const rates = new Map(
        [...(passed ?? [])].map(([consumer, count]) => [consumer, count / seconds]),
      );
      const consumers = await readConsumers(db, names);
      const log = await readLogStatus(db, names);
      const oldestWriter = await findOldestWriter(db);
      const seesOwnWritersOnly = !(await seesWritersOfOthers(db));
      this.#before = consumers;
      this.#readAt = readAt;
      return {
        consumers,
        rates,
        areRatesKnown: passed !== undefined,
        log,
        oldestWriter,
        seesOwnWritersOnly,
      };
    });
  }
}
