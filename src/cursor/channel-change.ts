import { type Kysely, sql } from 'kysely';
import type { Names } from '../db/names.ts';
import type { Tables } from '../db/tables.ts';
import { type Partition, partitionOf } from './partition.ts';

/** How the channels of a cursor differ from when it was last held, and what became of that. */
export interface ChannelChange {
  readonly gainedChannels: readonly string[];
  /** Notifications of gained channels that were scheduled as playback. */
  readonly scheduled: number;
  readonly lostChannels: readonly string[];
  /** Retries that were dropped with the lost channels. */
  readonly dropped: number;
}

/**
 * Takes over the channels of whoever holds the cursor from now on. A consumer that gained a channel
 * gets what it would have had of it as replay; one that lost a channel loses what waits there. Part
 * of the claim, after the epoch was raised: a process with other channels that still held the lease
 * would otherwise move the cursor past notifications that nobody then gets.
 */
export async function followChannels(
  trx: Kysely<Tables>,
  names: Names,
  consumerId: number,
  partition: Partition,
  known: readonly string[],
  channels: readonly string[],
): Promise<ChannelChange> {
  const gainedChannels = channels.filter((channel) => !known.includes(channel));
  const lostChannels = known.filter((channel) => !channels.includes(channel));
  return {
    gainedChannels,
    scheduled: await scheduleHistory(trx, names, consumerId, partition, gainedChannels),
    lostChannels,
    dropped: await dropRetries(trx, consumerId, partition, lostChannels),
  };
}

/**
 * Schedules what the cursor has passed on these channels. What it has not passed comes by itself,
 * and what came before the consumer's start stays skipped.
 */
async function scheduleHistory(
  trx: Kysely<Tables>,
  names: Names,
  consumerId: number,
  { number, of }: Partition,
  channels: readonly string[],
): Promise<number> {
  if (channels.length === 0) return 0;
  const result = await trx
    .insertInto('redelivery')
    .columns(['consumer_id', 'partition', 'notification_id', 'channel', 'key', 'reason'])
    .expression((eb) =>
      eb
        .selectFrom('notification_log as log')
        .innerJoin('consumer', (join) => join.on('consumer.id', '=', consumerId))
        .innerJoin('consumer_cursor as position', (join) =>
          join
            .onRef('position.consumer_id', '=', 'consumer.id')
            .on('position.partition', '=', number),
        )
        .select((select) => [
          'consumer.id',
          'position.partition',
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
        .where(partitionOf(names, sql.ref('log.key'), sql.ref('log.id'), of), '=', number)
        .orderBy('log.id'),
    )
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return Number(result.numInsertedOrUpdatedRows ?? 0);
}

async function dropRetries(
  trx: Kysely<Tables>,
  consumerId: number,
  { number }: Partition,
  channels: readonly string[],
): Promise<number> {
  if (channels.length === 0) return 0;
  const result = await trx
    .deleteFrom('redelivery')
    .where('consumer_id', '=', consumerId)
    .where('partition', '=', number)
    .where('state', '=', 'retry')
    .where('channel', 'in', [...channels])
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}
