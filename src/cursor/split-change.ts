import { sql, type Transaction } from 'kysely';
import type { Database } from '../db/database.ts';
import type { Tables } from '../db/tables.ts';
import { hasEnded, type LeaseOwner } from './lease-owner.ts';
import { partitionOf } from './partition.ts';
import { asSnapshot, type Snapshot } from './snapshot.ts';

/** What came of the wish to split a consumer otherwise. */
export type SplitChange =
  /** It is split otherwise now, by us or by others. */
  | { readonly kind: 'changed'; readonly from: number; readonly to: number }
  /** A process runs it as it is. */
  | { readonly kind: 'in use'; readonly owner: string }
  /** All cursors first have to come to one place. */
  | { readonly kind: 'closing' }
  /** Somebody was faster: look again. */
  | { readonly kind: 'look again' };

export interface SplitWish {
  readonly partitions: number;
  readonly channels: readonly string[];
  readonly owner: LeaseOwner;
  /** Whether all that is there now may be skipped. */
  readonly skip: boolean;
}

/**
 * Splits a consumer into another number of partitions, while nobody runs it. Nothing is lost, nothing
 * repeated, and order by key holds:
 *
 *   into a multiple   each new partition lies within an old one and begins with its cursor.
 *   otherwise         first the split is closed: all old partitions are run up to one snapshot.
 *                     Then they can be put together: everything before it is settled, nothing after.
 *
 * Redeliveries move to the partitions that their keys now belong to.
 */
export async function changeSplit(
  db: Database,
  consumerId: number,
  { partitions, channels, owner, skip }: SplitWish,
): Promise<SplitChange> {
  return db.kysely.transaction().execute(async (trx): Promise<SplitChange> => {
    // The snapshot has to be older than the id of the transaction that stores it, or a crash could
    // let ids be given out again that it sees; so it is taken before the first lock.
    const before = await cursorsOf(trx, consumerId).execute();
    const cursors = await cursorsOf(trx, consumerId).forUpdate().execute();
    const now = before[0]?.now;
    if (now === undefined || positionsOf(before) !== positionsOf(cursors)) {
      return { kind: 'look again' };
    }
    const split = await trx
      .selectFrom('consumer')
      .select(['partitions', 'next_partitions', 'closing_at'])
      .where('id', '=', consumerId)
      .forUpdate()
      .executeTakeFirstOrThrow();
    const { next_partitions: next, closing_at: closingAt } = split;
    if (closingAt === null && split.partitions === partitions) return { kind: 'look again' };
    const holder = cursors.find(
      ({ lease_owner, seconds }) =>
        lease_owner !== null && seconds > 0 && !hasEnded(lease_owner, owner),
    )?.lease_owner;
    if (holder !== undefined && holder !== null) return { kind: 'in use', owner: holder };
    const from = split.partitions;
    const replace = (to: number, at?: Snapshot) =>
      replaceCursors(trx, db, consumerId, from, to, at);
    if (skip) return replace(partitions, asSnapshot(now));
    if (closingAt !== null && next !== null) {
      const isClosed = cursors.every(
        (cursor) =>
          cursor.until === null && cursor.seen === closingAt && haveSame(cursor.channels, channels),
      );
      return isClosed ? replace(next, asSnapshot(closingAt)) : { kind: 'closing' };
    }
    if (partitions % from === 0) return replace(partitions);
    await beginClosing(trx, consumerId, partitions, asSnapshot(now));
    return { kind: 'closing' };
  });
}

function cursorsOf(trx: Transaction<Tables>, consumerId: number) {
  return trx
    .selectFrom('consumer_cursor')
    .select(['partition', 'epoch', 'seen', 'until', 'last_id', 'channels', 'lease_owner'])
    .select(sql<string>`pg_current_snapshot()::text`.as('now'))
    .select(
      sql<number>`greatest(0, date_part('epoch', lease_until - clock_timestamp()))`.as('seconds'),
    )
    .where('consumer_id', '=', consumerId)
    .orderBy('partition');
}

type StoredCursor = Awaited<ReturnType<ReturnType<typeof cursorsOf>['execute']>>[number];

/** Everything that whoever held a cursor in the meantime would have changed. */
function positionsOf(cursors: readonly StoredCursor[]): string {
  return JSON.stringify(
    cursors.map(({ partition, epoch, seen, until, last_id }) => {
      return [partition, epoch, seen, until, last_id];
    }),
  );
}

/** From now on, cursors are read up to here; whoever still holds one is fenced. */
async function beginClosing(
  trx: Transaction<Tables>,
  consumerId: number,
  partitions: number,
  at: Snapshot,
): Promise<void> {
  await trx
    .updateTable('consumer')
    .set({ next_partitions: partitions, closing_at: at })
    .where('id', '=', consumerId)
    .execute();
  await trx
    .updateTable('consumer_cursor')
    .set({ epoch: sql`epoch + 1`, lease_owner: null, lease_until: null })
    .where('consumer_id', '=', consumerId)
    .execute();
}

/**
 * Puts new cursors in the place of the old ones.
 * @param at where all of them are to stand; undefined: each where the one stands that it came from
 */
async function replaceCursors(
  trx: Transaction<Tables>,
  { names }: Pick<Database, 'names'>,
  consumerId: number,
  from: number,
  to: number,
  at: Snapshot | undefined,
): Promise<SplitChange> {
  const cursor = sql.id(names.schema, 'consumer_cursor');
  // Epochs go up for the consumer as a whole: a partition that was there before, had gone and is
  // there again must not be taken for its former self.
  await sql`
    with old as (select * from ${cursor} where consumer_id = ${consumerId})
    insert into ${cursor} as position
      (consumer_id, partition, channels, seen, until, last_id, epoch)
    select old.consumer_id, number, old.channels,
           coalesce(wanted.place, old.seen),
           case when wanted.place is null then old.until end,
           case when wanted.place is null then old.last_id end,
           (select max(epoch) + 1 from old)
    from (select ${at ?? null}::pg_snapshot as place) wanted
    cross join generate_series(0, ${to}::int - 1) as number
    join old on old.partition = number % ${from}::int
    on conflict (consumer_id, partition) do update
    set channels = excluded.channels, seen = excluded.seen, until = excluded.until,
        last_id = excluded.last_id, epoch = excluded.epoch,
        lease_owner = null, lease_until = null, updated_at = now()`.execute(trx);
  await trx
    .deleteFrom('consumer_cursor')
    .where('consumer_id', '=', consumerId)
    .where('partition', '>=', to)
    .execute();
  await trx
    .updateTable('redelivery')
    .set({ partition: partitionOf(names, sql.ref('key'), sql.ref('notification_id'), to) })
    .where('consumer_id', '=', consumerId)
    .execute();
  await trx
    .updateTable('consumer')
    .set({ partitions: to, next_partitions: null, closing_at: null })
    .where('id', '=', consumerId)
    .execute();
  return { kind: 'changed', from, to };
}

function haveSame(channels: readonly string[], others: readonly string[]): boolean {
  return channels.length === others.length && channels.every((channel) => others.includes(channel));
}
