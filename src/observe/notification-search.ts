import type { Pool } from 'pg';
import { type Names, qualified } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import type { IdRange } from '../log/id-at-time.ts';
import { DELIVERY_STATE, type DeliveryState, deliveriesOf } from './delivery-state.ts';
import { idsWithin } from './id-range.ts';
import { walkLog } from './log-walk.ts';
import { conditionsOf, type NotificationFilter, Parameters } from './notification-filter.ts';
import {
  type NotificationSummary,
  SUMMARY_COLUMNS,
  type SummaryRow,
  summaryOf,
} from './notification-record.ts';
import { reading, unlessCanceled } from './reading.ts';
import { waitingFor } from './waiting-rows.ts';

export interface NotificationSearch {
  readonly filter: NotificationFilter;
  /** Only those that this consumer has; with `state`, only those that it has in this state. */
  readonly consumer?: string | undefined;
  readonly state?: DeliveryState | undefined;
  /** Only those with a lower id: where the page before has ended. */
  readonly beforeId?: number | undefined;
  /** How many to find. */
  readonly limit: number;
  /** How long to look for them, in milliseconds. */
  readonly withinMs: number;
}

export interface Found {
  /** Newest first. */
  readonly notifications: readonly NotificationSummary[];
  /** Where to go on: with lower ids. Undefined: there are no more. */
  readonly nextBeforeId: number | undefined;
  /** The time was over before so many were found: what lies before nextBeforeId was not looked at. */
  readonly incomplete: boolean;
}

/** So many that wait for a consumer are looked for one by one; where more wait, the newest do. */
const CANDIDATES_AT_MOST = 10_000;

/** Looks for notifications, newest first, as long as it may; see walkLog(). */
export async function searchNotifications(
  pool: Pool,
  names: Names,
  search: NotificationSearch,
): Promise<Found> {
  const { filter, beforeId = Number.POSITIVE_INFINITY, limit, withinMs } = search;
  const began = performance.now();
  const { firstId, lastId } = await boundsOf(pool, names, filter);
  const candidates = await candidatesOf(pool, names, search);
  const { found, rest, incomplete } = await walkLog(pool, {
    range: { firstId, lastId: Math.min(lastId, beforeId - 1) },
    order: 'newest first',
    limit,
    withinMs: withinMs - (performance.now() - began),
    look: (db, slice, missing) => searchSlice(db, names, search, { slice, candidates, missing }),
  });
  return {
    notifications: found,
    nextBeforeId: rest === undefined ? undefined : rest.lastId + 1,
    incomplete,
  };
}

async function boundsOf(db: Queryable, names: Names, filter: NotificationFilter) {
  const { ids } = filter;
  const bounds = await idsWithin(db, names, filter);
  if (ids === undefined) return bounds;
  return {
    firstId: Math.max(bounds.firstId, Math.min(...ids)),
    lastId: Math.min(bounds.lastId, Math.max(...ids)),
  };
}

/** What is pending for a consumer that is level is little, and may be anywhere. */
async function candidatesOf(
  pool: Pool,
  names: Names,
  { consumer, state, withinMs }: NotificationSearch,
): Promise<readonly number[] | undefined> {
  if (consumer === undefined || state !== 'pending') return undefined;
  const values = [CANDIDATES_AT_MOST + 1, consumer];
  const task = (db: Queryable) =>
    query<{ id: string | number }>(db, candidatesStatement(names), values);
  // One that stopped long ago may have much to look through; then the walk finds what it can.
  const rows = await unlessCanceled(
    reading(pool, task, { statementTimeoutMs: Math.max(1, withinMs / 2) }),
  );
  if (rows === undefined || rows.length > CANDIDATES_AT_MOST) return undefined;
  return rows.map(({ id }) => Number(id));
}

export function candidatesStatement(names: Names): string {
  return `
    select waiting.id
    from ${qualified(names, 'consumer')} c
    join ${qualified(names, 'consumer_cursor')} p on p.consumer_id = c.id
    cross join lateral (${waitingFor(names, { limit: '$1', cursor: 'p' })}) waiting
    where c.name = $2
    limit $1`;
}

interface Slice {
  readonly slice: IdRange;
  readonly candidates: readonly number[] | undefined;
  readonly missing: number;
}

interface FoundRow extends SummaryRow {
  deliveries: Partial<Record<DeliveryState, number>> | null;
}

async function searchSlice(
  db: Queryable,
  names: Names,
  search: NotificationSearch,
  { slice, candidates, missing }: Slice,
): Promise<NotificationSummary[]> {
  const within = candidates?.filter((id) => id >= slice.firstId && id <= slice.lastId);
  if (within?.length === 0) return [];
  const log = qualified(names, 'notification_log');
  const parameters = new Parameters();
  const { from, id, conditions } = sourceOf(names, parameters, search);
  const all = [
    `${id} between ${parameters.add(slice.firstId, 'bigint')} and ${parameters.add(slice.lastId, 'bigint')}`,
    ...(within === undefined ? [] : [`${id} = any (${parameters.add(within, 'bigint[]')})`]),
    ...conditionsOf(search.filter, parameters),
    ...conditions,
  ];
  const rows = await query<FoundRow>(
    db,
    `select found.*, (
       select jsonb_object_agg(state, number)
       from (
         select ${DELIVERY_STATE} as state, count(*) as number
         from ${log} log ${deliveriesOf(names)}
         where log.id = found.id
         group by 1
       ) counts
     ) as deliveries
     from (
       select ${SUMMARY_COLUMNS}
       from ${from}
       where ${all.join(' and ')}
       order by ${id} desc
       limit ${parameters.add(missing, 'integer')}
     ) found
     order by found.id desc`,
    parameters.values,
  );
  return rows.map((row) => ({ ...summaryOf(row), deliveries: row.deliveries ?? {} }));
}

interface Source {
  readonly from: string;
  /** The column of the notification's id, whose index gives the order. */
  readonly id: string;
  readonly conditions: readonly string[];
}

/** What waits or is dead is looked for where that stands, and not in all of the log. */
function sourceOf(
  names: Names,
  parameters: Parameters,
  { consumer, state }: NotificationSearch,
): Source {
  const log = qualified(names, 'notification_log');
  if (consumer === undefined) return { from: `${log} log`, id: 'log.id', conditions: [] };
  const name = parameters.add(consumer, 'text');
  const stored = state === 'dead' ? 'dead' : state === 'retrying' ? 'retry' : undefined;
  if (stored !== undefined) {
    return {
      from: `${qualified(names, 'redelivery')} of_consumer
        join ${log} log on log.id = of_consumer.notification_id`,
      id: 'of_consumer.notification_id',
      conditions: [
        `of_consumer.state = '${stored}'`,
        `of_consumer.consumer_id = (select id from ${qualified(names, 'consumer')} where name = ${name})`,
      ],
    };
  }
  const isInState =
    state === undefined ? '' : ` and ${DELIVERY_STATE} = ${parameters.add(state, 'text')}`;
  return {
    from: `${log} log`,
    id: 'log.id',
    conditions: [
      `exists (
         select from (select log.id, log.xid, log.channel, log.key) log
         ${deliveriesOf(names)}
         where c.name = ${name}${isInState})`,
    ],
  };
}
