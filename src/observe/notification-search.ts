import { type Names, qualified } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { DELIVERY_STATE, type DeliveryState, deliveriesOf } from './delivery-state.ts';
import { idsWithin } from './id-range.ts';
import { conditionsOf, type NotificationFilter, Parameters } from './notification-filter.ts';
import {
  type NotificationSummary,
  SUMMARY_COLUMNS,
  type SummaryRow,
  summaryOf,
} from './notification-record.ts';

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

/** Ids that are looked at in one statement, at first; twice as many each time, while it goes quickly. */
const FIRST_SLICE = 2_000;
const QUICK_MS = 100;

/**
 * Looks for notifications, newest first, slice by slice of the log: so that a search for what is rare
 * finds what it can in its time, and says how far it came, instead of failing.
 */
export async function searchNotifications(
  db: Queryable,
  names: Names,
  search: NotificationSearch,
): Promise<Found> {
  const { filter, beforeId, limit, withinMs } = search;
  const began = performance.now();
  const { firstId, lastId } = await boundsOf(db, names, filter);
  const found: NotificationSummary[] = [];
  let before = Math.min(beforeId ?? Number.POSITIVE_INFINITY, lastId + 1);
  for (let slice = FIRST_SLICE; before > firstId; ) {
    if (performance.now() - began > withinMs) {
      return { notifications: found, nextBeforeId: before, incomplete: true };
    }
    const sliceBegan = performance.now();
    const from = Math.max(firstId, before - slice);
    const missing = limit - found.length;
    found.push(...(await searchSlice(db, names, search, { from, before, limit: missing })));
    const last = found.at(-1);
    if (found.length >= limit && last !== undefined) {
      return {
        notifications: found,
        nextBeforeId: last.id > firstId ? last.id : undefined,
        incomplete: false,
      };
    }
    before = from;
    if (performance.now() - sliceBegan < QUICK_MS) slice *= 2;
  }
  return { notifications: found, nextBeforeId: undefined, incomplete: false };
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

interface Slice {
  readonly from: number;
  readonly before: number;
  readonly limit: number;
}

interface FoundRow extends SummaryRow {
  deliveries: Partial<Record<DeliveryState, number>> | null;
}

async function searchSlice(
  db: Queryable,
  names: Names,
  { filter, consumer, state }: NotificationSearch,
  { from, before, limit }: Slice,
): Promise<NotificationSummary[]> {
  const log = qualified(names, 'notification_log');
  const parameters = new Parameters();
  const conditions = [
    `log.id >= ${parameters.add(from, 'bigint')}`,
    `log.id < ${parameters.add(before, 'bigint')}`,
    ...conditionsOf(filter, parameters),
    ...ofConsumer(names, parameters, consumer, state),
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
       from ${log} log
       where ${conditions.join(' and ')}
       order by log.id desc
       limit ${parameters.add(limit, 'integer')}
     ) found
     order by found.id desc`,
    parameters.values,
  );
  return rows.map((row) => ({ ...summaryOf(row), deliveries: row.deliveries ?? {} }));
}

/** What waits or is dead is looked for where it stands, which is quick. */
function ofConsumer(
  names: Names,
  parameters: Parameters,
  consumer: string | undefined,
  state: DeliveryState | undefined,
): string[] {
  if (consumer === undefined) return [];
  const isIts = `c.name = ${parameters.add(consumer, 'text')}`;
  const stored = state === 'dead' ? 'dead' : state === 'retrying' ? 'retry' : undefined;
  if (stored !== undefined) {
    return [
      `exists (
         select from ${qualified(names, 'redelivery')} r
         join ${qualified(names, 'consumer')} c on c.id = r.consumer_id
         where r.notification_id = log.id and r.state = '${stored}' and ${isIts})`,
    ];
  }
  const isInState =
    state === undefined ? '' : ` and ${DELIVERY_STATE} = ${parameters.add(state, 'text')}`;
  return [
    `exists (
       select from (select log.id, log.xid, log.channel, log.key) log
       ${deliveriesOf(names)}
       where ${isIts}${isInState})`,
  ];
}
