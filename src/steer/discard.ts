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
import { tellOfRedeliveries } from './consumer-steering.ts';

type Place = Pick<Database, 'pool' | 'names'>;

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

/**
 * Gives up redeliveries of a consumer: they count as handled. What waited behind them is due. One that
 * is being attempted at this moment is attempted to its end.
 * @returns how many
 * @throws CONSUMER_UNKNOWN
 */
export async function discard(db: Place, request: DiscardRequest): Promise<number> {
  await assertKnownConsumer(db.pool, db.names, request.consumer);
  const count = await giveUp(db.pool, db.names, request);
  if (count > 0) await tellOfRedeliveries(db.pool, db.names, request.consumer);
  return count;
}

function choice(names: Names, request: DiscardRequest) {
  const { consumer, filter, states = ['retrying', 'dead'], error } = request;
  const parameters = new Parameters();
  const stored = states.map((state) => (state === 'retrying' ? 'retry' : 'dead'));
  const conditions = [
    `c.name = ${parameters.add(consumer, 'text')}`,
    `r.state = any (${parameters.add(stored, 'text[]')})`,
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
    values: parameters.values,
  };
}

/**
 * What the stored cursor has not passed stays as handled until it has, or whoever fetches from there
 * would handle it after all (see RedeliveryStore).
 */
async function giveUp(db: Queryable, names: Names, request: DiscardRequest): Promise<number> {
  const table = qualified(names, 'redelivery');
  const { from, values } = choice(names, request);
  const [row] = await query<{ count: number }>(
    db,
    `with chosen as materialized (
       select r.consumer_id, r.notification_id, r.key, ${IS_PASSED} as passed
       ${from}
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
         where r.state = 'retry' and not exists (
           select from chosen
           where chosen.consumer_id = r.consumer_id and chosen.notification_id = r.notification_id)
         group by r.consumer_id, r.key
       ) next
       where r.consumer_id = next.consumer_id and r.notification_id = next.notification_id
         and r.due_at = 'infinity'
     )
     select count(*)::bigint as count from chosen`,
    values,
  );
  return Number(row?.count);
}
