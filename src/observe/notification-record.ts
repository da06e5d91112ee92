import { type Names, qualified } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { DELIVERY_STATE, type DeliveryState, deliveriesOf } from './delivery-state.ts';

/** A notification as lists show it, without its payload. */
export interface NotificationSummary {
  readonly id: number;
  readonly channel: string;
  readonly key: string | undefined;
  /** Of a captured change: table, action, and the record's id as text. */
  readonly table: string | undefined;
  readonly action: string | undefined;
  readonly recordId: string | undefined;
  readonly writtenAt: Date;
  /** How many consumers have it in each state; those that have its channel. */
  readonly deliveries: Readonly<Partial<Record<DeliveryState, number>>>;
}

/** All that is known of one notification. */
export interface NotificationRecord extends Omit<NotificationSummary, 'deliveries'> {
  /** The transaction that wrote it. */
  readonly xid: string;
  /** What it takes in the log, compressed. */
  readonly storedBytes: number;
  /** The payload's JSON text; undefined when it is larger than was asked for. */
  readonly json: string | undefined;
  readonly deliveries: readonly Delivery[];
}

/** What has become of it for one consumer. */
export interface Delivery {
  readonly consumer: string;
  readonly state: DeliveryState;
  /** Undefined: handled at the first attempt, or not attempted; only what fails is noted. */
  readonly attempts: number | undefined;
  readonly reason: 'failure' | 'replay' | undefined;
  /** When it is attempted again; undefined while it waits behind an earlier one of its key. */
  readonly dueAt: Date | undefined;
  readonly waitsForKey: boolean;
  readonly error: string | undefined;
  readonly since: Date | undefined;
}

export interface SummaryRow {
  id: string | number;
  channel: string;
  key: string | null;
  table: string | null;
  action: string | null;
  record_id: string | null;
  written_at: Date;
}

/** The columns of a SummaryRow, of `log`. */
export const SUMMARY_COLUMNS = `log.id, log.channel, log.key, log.created_at as written_at,
  log.payload ->> 'table' as table, log.payload ->> 'action' as action,
  log.payload ->> 'id' as record_id`;

export function summaryOf(row: SummaryRow): Omit<NotificationSummary, 'deliveries'> {
  return {
    id: Number(row.id),
    channel: row.channel,
    key: row.key ?? undefined,
    table: row.table ?? undefined,
    action: row.action ?? undefined,
    recordId: row.record_id ?? undefined,
    writtenAt: row.written_at,
  };
}

interface RecordRow extends SummaryRow {
  xid: string;
  stored_bytes: number;
  json: string | null;
}

interface DeliveryRow {
  consumer: string;
  state: DeliveryState;
  attempts: number | null;
  reason: 'failure' | 'replay' | null;
  due_at: Date | null;
  waits: boolean;
  error: string | null;
  since: Date | null;
}

/**
 * @param maxBytes of the payload's text, from which on it is left out
 * @returns undefined when the log has no such row (that is committed)
 */
export async function readNotification(
  db: Queryable,
  names: Names,
  id: number,
  maxBytes: number,
): Promise<NotificationRecord | undefined> {
  const log = qualified(names, 'notification_log');
  const [row] = await query<RecordRow>(
    db,
    `select ${SUMMARY_COLUMNS}, log.xid::text as xid, pg_column_size(log.payload) as stored_bytes,
            case when pg_column_size(log.payload) <= $2
              then ${qualified(names, 'text_of')}(log.payload, $2) end as json
     from ${log} log where log.id = $1`,
    [id, maxBytes],
  );
  if (row === undefined) return undefined;
  const deliveries = await query<DeliveryRow>(
    db,
    `select c.name as consumer, ${DELIVERY_STATE} as state, r.attempt as attempts, r.reason,
            nullif(r.due_at, 'infinity') as due_at,
            r.state = 'retry' and coalesce(r.due_at = 'infinity', false) as waits,
            r.last_error as error, r.updated_at as since
     from ${log} log ${deliveriesOf(names)}
     where log.id = $1
     order by c.name`,
    [id],
  );
  return {
    ...summaryOf(row),
    xid: row.xid,
    storedBytes: row.stored_bytes,
    json: row.json ?? undefined,
    deliveries: deliveries.map(deliveryOf),
  };
}

function deliveryOf(row: DeliveryRow): Delivery {
  const isWaiting = row.state === 'retrying';
  return {
    consumer: row.consumer,
    state: row.state,
    attempts: row.attempts ?? undefined,
    reason: row.reason ?? undefined,
    dueAt: isWaiting ? (row.due_at ?? undefined) : undefined,
    waitsForKey: row.waits === true,
    error: row.error ?? undefined,
    since: row.since ?? undefined,
  };
}
