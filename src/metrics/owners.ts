import type { Database } from '../db/database.ts';
import { type ConsumerOwners, readOwners } from '../observe/consumer-owners.ts';
import { reading } from '../observe/reading.ts';
import { SharedReading, WITHIN_MS } from './shared-reading.ts';

export class OwnersReader extends SharedReading<readonly ConsumerOwners[]> {
  constructor(
    { pool, names }: Pick<Database, 'pool' | 'names'>,
    onError: (error: unknown) => void,
  ) {
    const read = () =>
      reading(pool, (db) => readOwners(db, names), { statementTimeoutMs: WITHIN_MS });
    super(read, onError);
  }
}
