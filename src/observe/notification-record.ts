import { type Names, qualified } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { DELIVERY_STATE, type DeliveryState, deliveriesOf } from './delivery-state.ts';

/** A notification as lists show it, without its payload. */
export interface NotificationSummary {
  readonly id: number;
  readonly channel: string;
  /** Its first 1,000 characters. */
  readonly key: string | undefined;
  /**
   * Of a captured change: table, action, and the record's id as text; undefined as well where the
   * payload is so large that lists do not look into it (`isLarge`). Long ones are cut.
   */
  readonly table: string | undefined;
  readonly action: string | undefined;
  readonly recordId: string | undefined;
  /** The columns that the record's id, and with it the key, may be from: those that have its value. */
  readonly idColumns: readonly string[];
  readonly isLarge: boolean;
  readonly writtenAt: Date;
  /** What it takes in the log, compressed. */
  readonly storedBytes: number;
  /** How many consumers have it in each state; those that have its channel. */
  readonly deliveries: Readonly<Partial<Record<DeliveryState, number>>>;
}

/** All that is known of one notification. */
export interface NotificationRecord extends Omit<NotificationSummary, 'deliveries'> {
  /** The transaction that wrote it. */
  readonly xid: string;
  /** Of the payload as JSON text; undefined when it is too large to be looked into. */
  readonly jsonBytes: number | undefined;
  /** The payload's JSON text, or its beginning: as much of it as was asked for. */
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
  id_columns: string[] | null;
  is_large: boolean;
  written_at: Date;
  stored_bytes: number;
}

/** Each look into a payload reads all of it; some fields of fifty of these take a tenth of a second. */
const LARGE_BYTES = 65_536;
const IS_LARGE = `pg_column_size(log.payload) > ${LARGE_BYTES}`;
const field = (name: string, length: number) =>
  `case when not ${IS_LARGE} then left(log.payload ->> '${name}', ${length}) end`;
const isObject = (name: string) => `jsonb_typeof(log.payload -> '${name}') = 'object'`;

/** What a key may be made of: the columns id_columns and is_large, of `log`. */
export const KEY_COLUMNS = `${IS_LARGE} as is_large,
  case
    when ${IS_LARGE} then null
    when ${isObject('id')} then array(select jsonb_object_keys(log.payload -> 'id'))
    else array(
      select name
      from jsonb_each_text(
        case when ${isObject('new_data')} then log.payload -> 'new_data'
             when ${isObject('old_data')} then log.payload -> 'old_data' end) as fields (name, value)
      where value = log.payload ->> 'id')
  end as id_columns`;

/** The columns of a SummaryRow, of `log`. */
export const SUMMARY_COLUMNS = `log.id, log.channel, left(log.key, 1000) as key,
  log.created_at as written_at, pg_column_size(log.payload) as stored_bytes,
  ${field('table', 200)} as table, ${field('action', 200)} as action, ${field('id', 1000)} as record_id,
  ${KEY_COLUMNS}`;

export function summaryOf(row: SummaryRow): Omit<NotificationSummary, 'deliveries'> {
  return {
    id: Number(row.id),
    channel: row.channel,
    key: row.key ?? undefined,
    table: row.table ?? undefined,
    action: row.action ?? undefined,
    recordId: row.record_id ?? undefined,
    idColumns: row.id_columns ?? [],
    isLarge: row.is_large,
    writtenAt: row.written_at,
    storedBytes: row.stored_bytes,
  };
}

interface RecordRow extends SummaryRow {
  xid: string;
  json_bytes: number | null;
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

/** Beyond this, stored or as text, the server would take long to write a payload as text. */
const LOOKED_INTO_BYTES = 33_554_432;

/**
 * @param length of the payload's text that is wanted, in characters
 * @returns undefined when the log has no such row (that is committed)
 */
export async function readNotification(
  db: Queryable,
  names: Names,
  id: number,
  length: number,
): Promise<NotificationRecord | undefined> {
  const log = qualified(names, 'notification_log');
  const [row] = await query<RecordRow>(
    db,
    `select ${SUMMARY_COLUMNS}, log.xid::text as xid,
            octet_length(whole.json) as json_bytes, left(whole.json, $2) as json
     from ${log} log
     cross join lateral (
       select case when pg_column_size(log.payload) <= ${LOOKED_INTO_BYTES}
         then ${qualified(names, 'text_of')}(log.payload, ${LOOKED_INTO_BYTES}) end as json
       offset 0
     ) whole
     where log.id = $1`,
    [id, length],
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
    jsonBytes: row.json_bytes ?? undefined,
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
