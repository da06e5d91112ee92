import type { Database } from '../db/database.ts';
import { type Names, qualified } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { IS_PASSED } from '../observe/delivery-state.ts';
import { ERROR_GROUP } from '../observe/error-group.ts';
import {
  conditionsOf,
  type NotificationFilter,
  Parameters,
} from '../observe/notification-filter.ts';
import { assertKnownConsumer } from '../observe/unknown-consumer.ts';
import { steering } from './consumer-steering.ts';

type Place = Pick<Database, 'kysely' | 'pool' | 'names'>;

/** What can be given up: what waits to be handled again, and dead letters. */
export type DiscardableState = 'retrying' | 'dead';

export interface DiscardRequest {
  readonly consumer: string;
  readonly filter: NotificationFilter;
  /** Default: both. */
  readonly states?: readonly DiscardableState[];
  /** Only what failed like this, as an ErrorGroup has it. Default: whatever it was. */
  readonly error?: string | undefined;
}

/**
 * How many redeliveries a discard would give up.
 * @throws CONSUMER_UNKNOWN
 */
export async function countDiscard(db: Place, request: DiscardRequest): Promise<number> {
  await assertKnownConsumer(db.pool, db.names, request.consumer);
  const { from, values } = choice(db.names, request);
  const [row] = await query<{ count: number }>(
    db.pool,
    `select count(*)::bigint as count ${from}`,
    values,
  );
  return Number(row?.count);
}

/** Short enough that nobody who waits for one of these rows notices. */
const ROWS_PER_TRANSACTION = 5_000;

/**
 * Gives up redeliveries of a consumer: they count as handled. What waited behind them is due. One that
 * is being attempted at this moment is attempted to its end, and not again. In short transactions; what
 * an interrupted one has not given up, another call does.
 * @returns how many
 * @throws CONSUMER_UNKNOWN
 */
export async function discard(db: Place, request: DiscardRequest): Promise<number> {
  await assertKnownConsumer(db.pool, db.names, request.consumer);
  let total = 0;
  // The newest first: otherwise what is to be given up, too, would become due with what it waits behind.
  for (let beforeId: number | undefined; ; ) {
    const { count, firstId } = await steering(db, request.consumer, async (trx) => {
      const batch = await giveUpBatch(trx, db.names, request, beforeId);
      return { result: batch, hasChanged: batch.count > 0 };
    });
    total += count;
    if (firstId === undefined) return total;
    beforeId = firstId;
  }
}

function choice(names: Names, request: DiscardRequest, beforeId?: number) {
  const { consumer, filter, states = ['retrying', 'dead'], error } = request;
  const parameters = new Parameters();
  const stored = states.map((state) => (state === 'retrying' ? 'retry' : 'dead'));
  const isChosenState = `r.state = any (${parameters.add(stored, 'text[]')})`;
  const conditions = [
    `c.name = ${parameters.add(consumer, 'text')}`,
    isChosenState,
    ...(beforeId === undefined
      ? []
      : [`r.notification_id < ${parameters.add(beforeId, 'bigint')}`]),
    ...(error === undefined ? [] : [`${ERROR_GROUP} = ${parameters.add(error, 'text')}`]),
    ...conditionsOf(filter, parameters),
  ];
  return {
    from: `from ${qualified(names, 'redelivery')} r
      join ${qualified(names, 'consumer')} c on c.id = r.consumer_id
      join ${qualified(names, 'consumer_cursor')} p
        on p.consumer_id = r.consumer_id and p.partition = r.partition
      join ${qualified(names, 'notification_log')} log on log.id = r.notification_id
      where ${conditions.join(' and ')}`,
    isChosenState,
    values: parameters.values,
  };
}

/**
 * What the stored cursor has not passed stays as handled until it has, or whoever fetches from there
 * would handle it after all (see RedeliveryStore).
 */
async function giveUpBatch(
  db: Queryable,
  names: Names,
  request: DiscardRequest,
  beforeId: number | undefined,
): Promise<{ count: number; firstId: number | undefined }> {
  const table = qualified(names, 'redelivery');
  const { from, isChosenState, values } = choice(names, request, beforeId);
  const [row] = await query<{ count: number; first_id: string | number | null }>(
    db,
    `with found as materialized (
       select r.consumer_id, r.notification_id, ${IS_PASSED} as passed
       ${from}
       order by r.consumer_id desc, r.notification_id desc
       limit ${ROWS_PER_TRANSACTION}
     ),
     -- Locked in the order in which those who run the consumer lock them.
     chosen as materialized (
       select r.consumer_id, r.notification_id, r.key, found.passed
       from found
       join ${table} r
         on r.consumer_id = found.consumer_id and r.notification_id = found.notification_id
       where ${isChosenState}
       order by r.notification_id
       for update of r
     ),
     gone as (
       delete from ${table} r using chosen
       where r.consumer_id = chosen.consumer_id and r.notification_id = chosen.notification_id
         and chosen.passed
     ),
     kept as (
       update ${table} r set state = 'handled', updated_at = now()
       from chosen
       where r.consumer_id = chosen.consumer_id and r.notification_id = chosen.notification_id
         and not chosen.passed
     ),
     freed as (
       update ${table} r set due_at = now()
       from (
         select r.consumer_id, min(r.notification_id) as notification_id
         from (select distinct consumer_id, key from chosen where key is not null) free
         join ${table} r on r.consumer_id = free.consumer_id
           and md5(r.key) = md5(free.key) and r.key = free.key
         where r.state = 'retry' and r.notification_id not in (select notification_id from chosen)
         group by r.consumer_id, r.key
       ) next
       where r.consumer_id = next.consumer_id and r.notification_id = next.notification_id
         and r.due_at = 'infinity'
     )
     select (select count(*)::int from chosen) as count,
            (select min(notification_id) from found) as first_id`,
    values,
  );
  const firstId = row?.first_id ?? undefined;
  return {
    count: Number(row?.count),
    firstId: firstId === undefined ? undefined : Number(firstId),
  };
}
