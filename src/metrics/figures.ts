import type { Database } from '../db/database.ts';
import { type ConsumerStatus, readConsumers } from '../observe/consumer-status.ts';
import { type LogSize, readLogSize } from '../observe/log-status.ts';
import { findOldestWriter, type OldestWriter } from '../observe/oldest-writer.ts';
import { reading } from '../observe/reading.ts';
import { SharedReading, WITHIN_MS } from './shared-reading.ts';

/** What only the database knows, at one moment. */
export interface Figures {
  readonly consumers: readonly ConsumerStatus[];
  readonly log: LogSize;
  readonly oldestWriter: OldestWriter | undefined;
  /** How long it took to read them. */
  readonly seconds: number;
}

export class FiguresReader extends SharedReading<Figures> {
  constructor(db: Pick<Database, 'pool' | 'names'>, onError: (error: unknown) => void) {
    super(() => readFigures(db), onError);
  }
}

async function readFigures({ pool, names }: Pick<Database, 'pool' | 'names'>): Promise<Figures> {
  const begun = performance.now();
  return reading(
    pool,
    async (db) => {
      const consumers = await readConsumers(db, names);
      const log = await readLogSize(db, names);
      const oldestWriter = await findOldestWriter(db);
      return { consumers, log, oldestWriter, seconds: (performance.now() - begun) / 1000 };
    },
    { statementTimeoutMs: WITHIN_MS },
  );
}
