import { type Kysely, sql } from 'kysely';
import type { Database } from '../db/database.ts';
import type { Tables } from '../db/tables.ts';
import { BEFORE_EVERYTHING } from './snapshot.ts';

/** What the database needs to know of a consumer. */
export interface RegisteredConsumer {
  readonly id: string;
  readonly channels: readonly string[];
  readonly start: 'beginning' | 'latest';
  readonly partitions: number;
}

export interface Registration {
  /** The consumer's number in the tables. */
  readonly consumerId: number;
  readonly isNew: boolean;
}

/** Makes the consumer known. A new one starts at the beginning of the log, or now. */
export async function registerConsumer(
  db: Database,
  consumer: RegisteredConsumer,
): Promise<Registration> {
  const known = await findConsumer(db.kysely, consumer.id);
  if (known !== undefined) return { consumerId: known.id, isNew: false };
  return db.kysely.transaction().execute(async (trx) => {
    const start =
      consumer.start === 'latest'
        ? sql<string>`pg_current_snapshot()`
        : sql<string>`${BEFORE_EVERYTHING}::pg_snapshot`;
    const created = await trx
      .insertInto('consumer')
      .values({ name: consumer.id, partitions: consumer.partitions, start_seen: start })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .returning(['id', 'start_seen'])
      .executeTakeFirst();
    if (created !== undefined) {
      const { id, start_seen: seen } = created;
      const channels = [...consumer.channels];
      const cursors = Array.from({ length: consumer.partitions }, (_, partition) => {
        return { consumer_id: id, partition, channels, seen };
      });
      await trx.insertInto('consumer_cursor').values(cursors).execute();
      return { consumerId: created.id, isNew: true };
    }
    const other = await findConsumer(trx, consumer.id);
    if (other === undefined) throw new Error(`The consumer ${consumer.id} came and went.`);
    return { consumerId: other.id, isNew: false };
  });
}

function findConsumer(db: Kysely<Tables>, name: string) {
  return db.selectFrom('consumer').select('id').where('name', '=', name).executeTakeFirst();
}
