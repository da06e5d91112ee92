import { type Names, qualified } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { ERROR_GROUP } from './error-group.ts';
import { conditionsOf, type NotificationFilter, Parameters } from './notification-filter.ts';
import { KEY_COLUMNS } from './notification-record.ts';

/** A notification that waits to be handled again, or is a dead letter. */
export interface Redelivery {
  readonly id: number;
  readonly channel: string;
  readonly key: string | undefined;
  readonly reason: 'failure' | 'replay';
  /** Attempts made so far. */
  readonly attempts: number;
  /** Undefined: it waits behind an earlier one of its key, or is a dead letter. */
  readonly dueAt: Date | undefined;
  readonly error: string | undefined;
  /** When it came to this. */
  readonly since: Date;
  /** What the key may be made of; see NotificationSummary. */
  readonly idColumns: readonly string[];
  readonly isLarge: boolean;
}

/** Errors of one consumer that are alike. */
export interface ErrorGroup {
  readonly consumer: string;
  readonly state: 'retrying' | 'dead';
  /** The error's first line, a `#` for each number. Empty: none is known, it was never attempted. */
  readonly error: string;
  readonly count: number;
  /** There are more: not all of the consumer's were counted. */
  readonly atLeast: boolean;
  readonly oldest: Date;
  readonly newest: Date;
}

export interface DeadLetterSearch {
  readonly consumer: string;
  readonly filter: NotificationFilter;
  /** As an ErrorGroup has it. */
  readonly error?: string | undefined;
  /** Only those with a lower id: where the page before has ended. */
  readonly beforeId?: number | undefined;
  readonly limit: number;
}

/** Of each consumer; it takes a tenth of a second. */
const GROUPED_AT_MOST = 50_000;

interface Row {
  id: string | number;
  channel: string;
  key: string | null;
  reason: 'failure' | 'replay';
  attempts: number;
  due_at: Date | null;
  error: string | null;
  since: Date;
  id_columns: string[] | null;
  is_large: boolean | null;
}

const COLUMNS = `r.notification_id as id, r.channel, r.key, r.reason, r.attempt as attempts,
  case when r.state = 'retry' then nullif(r.due_at, 'infinity') end as due_at,
  r.last_error as error, r.updated_at as since`;

/** What waits to be handled again by a consumer: what is due first comes first. */
export async function readRetryQueue(
  db: Queryable,
  names: Names,
  consumer: string,
  limit: number,
): Promise<readonly Redelivery[]> {
  const rows = await query<Row>(
    db,
    `select queue.*, ${KEY_COLUMNS}
     from ${qualified(names, 'consumer')} c
     join ${qualified(names, 'consumer_cursor')} p on p.consumer_id = c.id
     cross join lateral (
       select ${COLUMNS}
       from ${qualified(names, 'redelivery')} r
       where r.consumer_id = c.id and r.partition = p.partition and r.state = 'retry'
       order by r.consumer_id, r.partition, r.due_at, r.notification_id
       limit $2
     ) queue
     left join ${qualified(names, 'notification_log')} log on log.id = queue.id
     where c.name = $1
     order by queue.due_at nulls last, queue.id
     limit $2`,
    [consumer, limit],
  );
  return rows.map(redeliveryOf);
}

/** Dead letters of a consumer, newest first. */
export async function findDeadLetters(
  db: Queryable,
  names: Names,
  { consumer, filter, error, beforeId, limit }: DeadLetterSearch,
): Promise<readonly Redelivery[]> {
  const parameters = new Parameters();
  const conditions = [
    `c.name = ${parameters.add(consumer, 'text')}`,
    `r.state = 'dead'`,
    ...(beforeId === undefined
      ? []
      : [`r.notification_id < ${parameters.add(beforeId, 'bigint')}`]),
    ...(error === undefined ? [] : [`${ERROR_GROUP} = ${parameters.add(error, 'text')}`]),
    ...conditionsOf(filter, parameters),
  ];
  const rows = await query<Row>(
    db,
    `select ${COLUMNS}, ${KEY_COLUMNS}
     from ${qualified(names, 'consumer')} c
     join ${qualified(names, 'redelivery')} r on r.consumer_id = c.id
     join ${qualified(names, 'notification_log')} log on log.id = r.notification_id
     where ${conditions.join(' and ')}
     order by r.consumer_id desc, r.notification_id desc
     limit ${parameters.add(limit, 'integer')}`,
    parameters.values,
  );
  return rows.map(redeliveryOf);
}

interface GroupRow {
  consumer: string;
  state: 'retrying' | 'dead';
  error: string;
  count: string | number;
  at_least: boolean;
  oldest: Date;
  newest: Date;
}

/**
 * The errors of what waits to be handled again and of dead letters, the most frequent first.
 * @param consumer undefined: of all
 */
export async function groupErrors(
  db: Queryable,
  names: Names,
  consumer: string | undefined,
): Promise<readonly ErrorGroup[]> {
  const rows = await query<GroupRow>(
    db,
    `select c.name as consumer, case grouped.state when 'dead' then 'dead' else 'retrying' end as state,
            grouped.error, grouped.count, grouped.at_least, grouped.oldest, grouped.newest
     from ${qualified(names, 'consumer')} c
     cross join lateral (
       select counted.state, counted.error, count(*) as count,
              max(counted.number) > $2 as at_least,
              min(counted.updated_at) as oldest, max(counted.updated_at) as newest
       from (
         select r.state, r.updated_at, ${ERROR_GROUP} as error, row_number() over () as number
         from (
           select * from ${qualified(names, 'redelivery')} r
           where r.consumer_id = c.id and r.state in ('retry', 'dead')
           order by r.consumer_id desc, r.notification_id desc
           limit $2 + 1
         ) r
         where r.state = 'dead' or r.last_error is not null
       ) counted
       group by counted.state, counted.error
     ) grouped
     where $1::text is null or c.name = $1
     order by grouped.count desc, c.name, grouped.error`,
    [consumer ?? null, GROUPED_AT_MOST],
  );
  return rows.map(({ count, at_least: atLeast, ...row }) => ({
    ...row,
    count: Number(count),
    atLeast,
  }));
}

function redeliveryOf({ due_at, id_columns, is_large, ...row }: Row): Redelivery {
  return {
    ...row,
    id: Number(row.id),
    key: row.key ?? undefined,
    dueAt: due_at ?? undefined,
    error: row.error ?? undefined,
    idColumns: id_columns ?? [],
    // Of what is not in the log any more nobody knows.
    isLarge: is_large ?? true,
  };
}
