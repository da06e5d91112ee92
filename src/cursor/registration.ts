import { type Kysely, sql } from 'kysely';
import type { Database } from '../db/database.ts';
import type { Tables } from '../db/tables.ts';
import { BEFORE_EVERYTHING } from './snapshot.ts';

/** What the database needs to know of a consumer. */
export interface RegisteredConsumer {
  readonly id: string;
  readonly channels: readonly string[];
  readonly start: 'beginning' | 'latest';
}

export interface Registration {
  /** The consumer's number in the tables. */
  readonly consumerId: number;
  readonly isNew: boolean;
}

/** How the channels of a consumer differ from when it was last run, and what became of that. */
export interface ChannelChange {
  readonly gainedChannels: readonly string[];
  /** Notifications of gained channels that were scheduled as playback. */
  readonly scheduled: number;
  readonly lostChannels: readonly string[];
  /** Retries that were dropped with the lost channels. */
  readonly dropped: number;
}

/** Makes the consumer known. A new one starts at the beginning of the log, or now. */
export async function registerConsumer(
  db: Database,
  consumer: RegisteredConsumer,
): Promise<Registration> {
  return db.kysely.transaction().execute(async (trx) => {
    const start =
      consumer.start === 'latest'
        ? sql<string>`pg_current_snapshot()`
        : sql<string>`${BEFORE_EVERYTHING}::pg_snapshot`;
    const created = await trx
      .insertInto('consumer')
      .values({ name: consumer.id, channels: [...consumer.channels], start_seen: start })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .returning(['id', 'start_seen'])
      .executeTakeFirst();
    if (created !== undefined) {
      await trx
        .insertInto('consumer_cursor')
        .values({ consumer_id: created.id, seen: created.start_seen })
        .execute();
      return { consumerId: created.id, isNew: true };
    }
    const known = await trx
      .selectFrom('consumer')
      .select('id')
      .where('name', '=', consumer.id)
      .executeTakeFirstOrThrow();
    return { consumerId: known.id, isNew: false };
  });
}

/**
 * Takes over the channels of whoever runs the consumer from now on. A consumer that gained a channel
 * gets what it would have had of it as replay; one that lost a channel loses what waits there. Part
 * of the claim, after the epoch was raised: a process with other channels that still held the lease
 * would otherwise move the cursor past notifications that nobody then gets.
 */
export async function followChannels(
  trx: Kysely<Tables>,
  consumerId: number,
  channels: readonly string[],
): Promise<ChannelChange> {
  const known = await trx
    .selectFrom('consumer')
    .select('channels')
    .where('id', '=', consumerId)
    .forNoKeyUpdate()
    .executeTakeFirstOrThrow();
  const gainedChannels = channels.filter((channel) => !known.channels.includes(channel));
  const lostChannels = known.channels.filter((channel) => !channels.includes(channel));
  if (gainedChannels.length > 0 || lostChannels.length > 0) {
    await trx
      .updateTable('consumer')
      .set({ channels: [...channels] })
      .where('id', '=', consumerId)
      .execute();
  }
  return {
    gainedChannels,
    scheduled: await scheduleHistory(trx, consumerId, gainedChannels),
    lostChannels,
    dropped: await dropRetries(trx, consumerId, lostChannels),
  };
}

/**
 * Schedules what the cursor has passed on these channels. What it has not passed comes by itself,
 * and what came before the consumer's start stays skipped.
 */
async function scheduleHistory(
  trx: Kysely<Tables>,
  consumerId: number,
  channels: readonly string[],
): Promise<number> {
  if (channels.length === 0) return 0;
  const result = await trx
    .insertInto('redelivery')
    .columns(['consumer_id', 'notification_id', 'channel', 'key', 'reason'])
    .expression((eb) =>
      eb
        .selectFrom('notification_log as log')
        .innerJoin('consumer', (join) => join.on('consumer.id', '=', consumerId))
        .innerJoin('consumer_cursor as position', (join) =>
          join.onRef('position.consumer_id', '=', 'consumer.id').on('position.partition', '=', 0),
        )
        .select((select) => [
          'consumer.id',
          'log.id as notification_id',
          'log.channel',
          'log.key',
          select.val('replay').as('reason'),
        ])
        .where('log.channel', 'in', [...channels])
        .where(
          sql<boolean>`(pg_visible_in_snapshot(log.xid, position.seen)
            or (log.id <= position.last_id and pg_visible_in_snapshot(log.xid, position.until)))`,
        )
        .where(sql<boolean>`not pg_visible_in_snapshot(log.xid, consumer.start_seen)`)
        .orderBy('log.id'),
    )
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return Number(result.numInsertedOrUpdatedRows ?? 0);
}

async function dropRetries(
  trx: Kysely<Tables>,
  consumerId: number,
  channels: readonly string[],
): Promise<number> {
  if (channels.length === 0) return 0;
  const result = await trx
    .deleteFrom('redelivery')
    .where('consumer_id', '=', consumerId)
    .where('state', '=', 'retry')
    .where('channel', 'in', [...channels])
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}
