import type { Database } from '../db/database.ts';
import { type Names, qualified } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { DELIVERY_STATE, type DeliveryState, deliveriesOf } from '../observe/delivery-state.ts';
import { ERROR_GROUP } from '../observe/error-group.ts';
import { idsWithin } from '../observe/id-range.ts';
import {
  conditionsOf,
  type NotificationFilter,
  Parameters,
} from '../observe/notification-filter.ts';
import { reading } from '../observe/reading.ts';
import { assertKnownConsumer } from '../observe/unknown-consumer.ts';
import { steering } from './consumer-steering.ts';

type Place = Pick<Database, 'kysely' | 'pool' | 'names'>;

/** What can be handled again: all that a consumer is done with, one way or the other. */
export type ReplayableState = Extract<DeliveryState, 'handled' | 'dead' | 'skipped'>;

export interface ReplayRequest {
  readonly consumer: string;
  readonly filter: NotificationFilter;
  /** Default: all that can be replayed. */
  readonly states?: readonly ReplayableState[];
  /** Only what failed like this, as an ErrorGroup has it. Default: whatever it was. */
  readonly error?: string | undefined;
}

const REPLAYABLE: readonly ReplayableState[] = ['handled', 'dead', 'skipped'];

/** Short enough that nobody who waits for one of these rows notices. */
const ROWS_PER_TRANSACTION = 5_000;

/**
 * How many notifications a replay would schedule.
 * @param withinMs it is given up when it takes longer. Default: however long it takes
 * @throws CONSUMER_UNKNOWN; PostgreSQL's query_canceled when it is given up
 */
export async function countReplay(
  db: Place,
  request: ReplayRequest,
  withinMs?: number,
): Promise<number> {
  await assertKnownConsumer(db.pool, db.names, request.consumer);
  const { from, values } = await choice(db, request);
  const count = (reader: Queryable) =>
    query<{ count: number }>(reader, `select count(*)::bigint as count ${from}`, values);
  const [row] =
    withinMs === undefined
      ? await count(db.pool)
      : await reading(db.pool, count, { statementTimeoutMs: withinMs, planFreely: true });
  return Number(row?.count);
}

/**
 * Schedules notifications to be handled again by a consumer, each as a redelivery that is due now; of
 * one key, in the order of their ids. What is pending or being retried comes anyway, and is left as it
 * is. In short transactions; what an interrupted one has not scheduled, another call does.
 * @param onProgress told how many are scheduled so far
 * @returns how many were scheduled
 * @throws CONSUMER_UNKNOWN
 */
export async function scheduleReplay(
  db: Place,
  request: ReplayRequest,
  onProgress: (scheduled: number) => void = () => {},
): Promise<number> {
  await assertKnownConsumer(db.pool, db.names, request.consumer);
  const { from, values } = await choice(db, request);
  let total = 0;
  for (let afterId = 0; ; ) {
    const { scheduled, lastId } = await steering(db, request.consumer, async (trx) => {
      const batch = await scheduleBatch(trx, db.names, from, values, afterId);
      return { result: batch, hasChanged: batch.scheduled > 0 };
    });
    total += scheduled;
    onProgress(total);
    if (lastId === undefined) return total;
    afterId = lastId;
  }
}

/** The rows `log`, `c`, `p`, `r` (see deliveriesOf) of what is to be replayed. */
async function choice({ pool, names }: Place, request: ReplayRequest) {
  const { consumer, filter, states = REPLAYABLE, error } = request;
  const parameters = new Parameters();
  const log = qualified(names, 'notification_log');
  const { firstId, lastId } = await idsWithin(pool, names, filter);
  const conditions = [
    `c.name = ${parameters.add(consumer, 'text')}`,
    `log.id between ${parameters.add(firstId, 'bigint')} and ${parameters.add(lastId, 'bigint')}`,
    ...conditionsOf(filter, parameters),
    `${DELIVERY_STATE} = any (${parameters.add(states, 'text[]')})`,
    // Dead letters are few; looked for in the log, all of it would be read.
    ...(states.every((state) => state === 'dead') ? [`r.state = 'dead'`] : []),
    ...(error === undefined ? [] : [`${ERROR_GROUP} = ${parameters.add(error, 'text')}`]),
  ];
  return {
    from: `from ${log} log ${deliveriesOf(names)} where ${conditions.join(' and ')}`,
    values: parameters.values,
  };
}

/**
 * Of the retries with one key, the earliest is due and all others are at infinity: they wait behind it
 * (see RedeliveryStore).
 */
async function scheduleBatch(
  trx: Queryable,
  names: Names,
  from: string,
  values: readonly unknown[],
  afterId: number,
): Promise<{ scheduled: number; lastId: number | undefined }> {
  const table = qualified(names, 'redelivery');
  const after = `$${values.length + 1}::bigint`;
  const [row] = await query<{ scheduled: number; last_id: string | number | null }>(
    trx,
    `with chosen as materialized (
       select c.id as consumer_id, p.partition, log.id, log.channel, log.key
       ${from} and log.id > ${after}
       order by log.id
       limit ${ROWS_PER_TRANSACTION}
     ),
     ranked as materialized (
       select chosen.*,
              key is null or (
                row_number() over (partition by key order by id) = 1
                and not exists (
                  select from ${table} earlier
                  where earlier.consumer_id = chosen.consumer_id and earlier.state = 'retry'
                    and md5(earlier.key) = md5(chosen.key) and earlier.key = chosen.key
                    and earlier.notification_id < chosen.id)
              ) as is_first
       from chosen
     ),
     scheduled as (
       insert into ${table} as r
         (consumer_id, partition, notification_id, channel, key, reason, due_at)
       select consumer_id, partition, id, channel, key, 'replay',
              case when is_first then now() else 'infinity'::timestamptz end
       from ranked
       on conflict (consumer_id, notification_id) do update
       set state = 'retry', reason = 'replay', attempt = 0, due_at = excluded.due_at,
           updated_at = now()
       where r.state <> 'retry'
       returning notification_id
     ),
     behind as (
       update ${table} later
       set due_at = 'infinity'
       from ranked
       where ranked.is_first and ranked.key is not null
         and later.consumer_id = ranked.consumer_id and later.state = 'retry'
         and later.due_at <> 'infinity'
         and md5(later.key) = md5(ranked.key) and later.key = ranked.key
         and later.notification_id > ranked.id
     )
     select (select count(*)::int from scheduled) as scheduled,
            (select max(id) from chosen) as last_id`,
    [...values, afterId],
  );
  const lastId = row?.last_id ?? undefined;
  return {
    scheduled: Number(row?.scheduled),
    lastId: lastId === undefined ? undefined : Number(lastId),
  };
}
