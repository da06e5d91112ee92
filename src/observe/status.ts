import type { Database } from '../db/database.ts';
import { type ConsumerStatus, readConsumers } from './consumer-status.ts';
import { type LogStatus, readLogStatus } from './log-status.ts';
import { findOldestWriter, type OldestWriter, seesWritersOfOthers } from './oldest-writer.ts';
import { countPassedSince } from './rates.ts';
import { reading } from './reading.ts';

/** How things stand at one moment. */
export interface Status {
  readonly consumers: readonly ConsumerStatus[];
  /** Notifications a second that the consumer's cursor has passed since the status before. */
  readonly rates: ReadonlyMap<string, number>;
  readonly log: LogStatus;
  readonly oldestWriter: OldestWriter | undefined;
  /** Other roles' transactions cannot be seen by this one: an older writer may be missing. */
  readonly seesOwnWritersOnly: boolean;
}

/** Reads how things stand, now and later; each time with the rates since the time before. */
export class StatusReader {
  readonly #db: Pick<Database, 'pool' | 'names'>;
  #before: readonly ConsumerStatus[] = [];
  /** Of performance.now(). */
  #readAt = 0;

  constructor(db: Pick<Database, 'pool' | 'names'>) {
    this.#db = db;
  }

  /** The first time there are no rates. */
  async read(): Promise<Status> {
    const { pool, names } = this.#db;
    const readAt = performance.now();
    return reading(pool, async (db) => {
      const passed = await countPassedSince(db, names, this.#before);
      const seconds = (readAt - this.#readAt) / 1000;
      const rates = new Map([...passed].map(([consumer, count]) => [consumer, count / seconds]));
      const consumers = await readConsumers(db, names);
      const log = await readLogStatus(db, names);
      const oldestWriter = await findOldestWriter(db);
      const seesOwnWritersOnly = !(await seesWritersOfOthers(db));
      this.#before = consumers;
      this.#readAt = readAt;
      return { consumers, rates, log, oldestWriter, seesOwnWritersOnly };
    });
  }
}
