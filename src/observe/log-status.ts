import { type Names, qualified } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';

export interface LogSize {
  /** About how many notifications it holds, by the planner's statistics. */
  readonly rows: number;
  /** Of the table, its indexes and its large payloads. */
  readonly bytes: number;
  readonly oldest: Date | undefined;
  readonly newest: Date | undefined;
  /** How full the server's queue of NOTIFYs is: 0 to 1. Full, every NOTIFY fails. */
  readonly queueUsage: number;
  /** When this was read, by the server's clock. */
  readonly at: Date;
}

/** The number of `rows` is exact while the log is small. */
export interface LogStatus extends LogSize {
  readonly channels: readonly ChannelStatus[];
}

export interface ChannelStatus {
  readonly channel: string;
  readonly rows: number;
  /** There are more; it is not counted further. */
  readonly atLeast: boolean;
  readonly newest: Date;
}

/** Of each channel; an index is counted so far in some milliseconds. */
const COUNTED_AT_MOST = 10_000;
/** More are not shown; whoever has more has made them by a program. */
const MOST_CHANNELS = 200;

interface Row {
  estimate: string | number;
  bytes: string | number;
  oldest: Date | null;
  newest: Date | null;
  queue_usage: number;
  at: Date;
}

interface ChannelRow {
  channel: string;
  rows: string | number;
  newest: Date;
}

/** How large the log is and what it holds; costs some milliseconds, however large it is. */
export async function readLogStatus(db: Queryable, names: Names): Promise<LogStatus> {
  const size = await readLogSize(db, names);
  const channels = (await query<ChannelRow>(db, channelsStatement(names), [])).map(channelOf);
  const isCounted = channels.length < MOST_CHANNELS && !channels.some(({ atLeast }) => atLeast);
  const counted = channels.reduce((sum, { rows }) => sum + rows, 0);
  return { ...size, rows: isCounted ? counted : Math.max(size.rows, counted), channels };
}

/** How large the log is, without looking into it. */
export async function readLogSize(db: Queryable, names: Names): Promise<LogSize> {
  const log = qualified(names, 'notification_log');
  const [row] = await query<Row>(
    db,
    `select (select greatest(reltuples, 0) from pg_class where oid = $1::regclass) as estimate,
            pg_total_relation_size($1::regclass) as bytes,
            (select created_at from ${log} order by id limit 1) as oldest,
            (select created_at from ${log} order by id desc limit 1) as newest,
            pg_notification_queue_usage() as queue_usage, clock_timestamp() as at`,
    [log],
  );
  return {
    rows: Math.round(Number(row?.estimate)),
    bytes: Number(row?.bytes),
    oldest: row?.oldest ?? undefined,
    newest: row?.newest ?? undefined,
    queueUsage: row?.queue_usage ?? 0,
    at: row?.at ?? new Date(),
  };
}

function channelOf({ channel, rows, newest }: ChannelRow): ChannelStatus {
  return {
    channel,
    rows: Math.min(Number(rows), COUNTED_AT_MOST),
    atLeast: Number(rows) > COUNTED_AT_MOST,
    newest,
  };
}

/**
 * The channels of the log as `step`: through the index (channel, id) from one to the next, instead of
 * reading all of it. Begins with `with`.
 */
export function channelSteps(names: Names): string {
  const log = qualified(names, 'notification_log');
  return `
    with recursive step as (
      (select channel, 1 as number from ${log} order by channel limit 1)
      union all
      (select next.channel, step.number + 1
       from step
       cross join lateral (
         select channel from ${log} where channel > step.channel order by channel limit 1
       ) next
       where step.number < ${MOST_CHANNELS})
    )`;
}

/** A plain `channel = …` would let the planner walk the primary key instead of the index. */
export function channelsStatement(names: Names): string {
  const log = qualified(names, 'notification_log');
  return `
    ${channelSteps(names)}
    select step.channel, counted.rows, newest.created_at as newest
    from step
    cross join lateral (
      select count(*) as rows
      from (
        select from ${log} 
        where (channel, id) >= (step.channel, 0) and channel <= step.channel
        order by channel, id limit ${COUNTED_AT_MOST} + 1
      ) counted_rows
    ) counted
    cross join lateral (
      select created_at from ${log} 
      where (channel, id) <= (step.channel, 9223372036854775807) and channel >= step.channel
      order by channel desc, id desc limit 1
    ) newest
    order by counted.rows desc, step.channel`;
}
