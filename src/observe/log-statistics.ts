import type { Pool } from 'pg';
import { type Names, qualified } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { idsAtTimes, wholeLog } from '../log/id-at-time.ts';
import { DELIVERY_STATE, deliveriesOf } from './delivery-state.ts';
import { channelSteps } from './log-status.ts';
import { reading } from './reading.ts';

export interface LogStatistics {
  /** The last 24, oldest first. */
  readonly hours: readonly HourStatistics[];
  /** Those with the most notifications in these hours; at most ten. */
  readonly channels: readonly ChannelStatistics[];
}

export interface HourStatistics {
  readonly ended: Date;
  /** Exact up to 100,000; beyond, by the ids, of which some may have been rolled back. */
  readonly written: number;
  /**
   * Of these, how many are handled or skipped by all consumers that have their channel, one at least.
   * Where more than 200 were written, this is what 200 of them tell.
   */
  readonly handled: number;
  readonly isEstimate: boolean;
}

export interface ChannelStatistics {
  readonly channel: string;
  /** In the last 24 hours. */
  readonly written: number;
  /** There are more; it is not counted further. */
  readonly isWrittenAtLeast: boolean;
  /** In the whole log. */
  readonly rows: number;
  readonly isRowsAtLeast: boolean;
  readonly newest: Date;
}

const HOURS = 24;
const HOUR_MS = 3_600_000;
const COUNTED_AT_MOST = 100_000;
const SAMPLES = 200;
const TOP = 10;

/**
 * What the last 24 hours have brought. What it costs is bounded, however large the log is: counts stop
 * at 100,000, and what is handled is asked of a sample.
 * @throws what the database throws, also when it takes longer than `withinMs` for one of the statements
 */
export async function readLogStatistics(
  pool: Pool,
  names: Names,
  withinMs: number,
): Promise<LogStatistics> {
  const task = async (db: Queryable) => {
    const hours = await hourBounds(db, names);
    const firstId = hours[0]?.firstId ?? 0;
    return {
      hours: await readHours(db, names, hours),
      channels: await readChannels(db, names, firstId),
    };
  };
  return reading(pool, task, { statementTimeoutMs: withinMs });
}

interface HourBounds {
  readonly ended: Date;
  readonly firstId: number;
  /** The first id that comes after it. */
  readonly endId: number;
}

/** Ids and times run together, so each hour is a range of ids. */
async function hourBounds(db: Queryable, names: Names): Promise<HourBounds[]> {
  const whole = await wholeLog(db, names.schema);
  const [clock] = await query<{ now: Date }>(db, 'select clock_timestamp() as now', []);
  const now = clock?.now.getTime() ?? Date.now();
  const times = Array.from({ length: HOURS }, (_, at) => new Date(now - (HOURS - at) * HOUR_MS));
  const ids = await idsAtTimes(db, names.schema, whole, times);
  return times.map((began, at) => ({
    ended: new Date(began.getTime() + HOUR_MS),
    firstId: ids[at] ?? whole.firstId,
    endId: ids[at + 1] ?? whole.lastId + 1,
  }));
}

interface HourRow {
  written: string | number;
  sampled: string | number;
  handled: string | number;
}

async function readHours(
  db: Queryable,
  names: Names,
  hours: readonly HourBounds[],
): Promise<HourStatistics[]> {
  const rows = await query<HourRow>(db, hoursStatement(names), [
    hours.map(({ firstId }) => firstId),
    hours.map(({ endId }) => endId),
  ]);
  return hours.map(({ ended, firstId, endId }, at) => {
    const counted = Number(rows[at]?.written ?? 0);
    const [sampled, handled] = [Number(rows[at]?.sampled ?? 0), Number(rows[at]?.handled ?? 0)];
    const written = counted > COUNTED_AT_MOST ? endId - firstId : counted;
    return {
      ended,
      written,
      handled: sampled === 0 ? 0 : Math.round((written * handled) / sampled),
      isEstimate: sampled < written,
    };
  });
}

/** Takes the first and the end ids of the hours. */
export function hoursStatement(names: Names): string {
  const log = qualified(names, 'notification_log');
  return `
    select counted.written, sample.sampled, sample.handled
    from unnest($1::bigint[], $2::bigint[]) with ordinality as hour (first_id, end_id, number)
    cross join lateral (
      select count(*) as written
      from (
        select from ${log} where id >= hour.first_id and id < hour.end_id
        order by id limit ${COUNTED_AT_MOST} + 1
      ) rows
    ) counted
    cross join lateral (
      select count(*) as sampled,
             count(*) filter (where handled > 0 and waiting = 0) as handled
      from generate_series(
        0, least(${SAMPLES}, hour.end_id - hour.first_id) - 1) as place
      cross join lateral (
        select id, xid, channel, key from ${log}
        where id >= hour.first_id
            + place * (hour.end_id - hour.first_id) / least(${SAMPLES}, hour.end_id - hour.first_id)
          and id < hour.first_id
            + (place + 1) * (hour.end_id - hour.first_id) / least(${SAMPLES}, hour.end_id - hour.first_id)
        order by id limit 1
      ) log
      cross join lateral (
        select count(*) filter (where state in ('handled', 'skipped')) as handled,
               count(*) filter (where state not in ('handled', 'skipped')) as waiting
        from (
          select ${DELIVERY_STATE} as state
          from (select log.id, log.xid, log.channel, log.key) log ${deliveriesOf(names)}
        ) deliveries
      ) states
    ) sample
    order by hour.number`;
}

interface ChannelRow {
  channel: string;
  written: string | number;
  rows: string | number;
  newest: Date;
}

async function readChannels(
  db: Queryable,
  names: Names,
  firstId: number,
): Promise<ChannelStatistics[]> {
  const rows = await query<ChannelRow>(db, topChannelsStatement(names), [firstId]);
  return rows.map(({ channel, written, rows: all, newest }) => ({
    channel,
    written: Math.min(Number(written), COUNTED_AT_MOST),
    isWrittenAtLeast: Number(written) > COUNTED_AT_MOST,
    rows: Math.min(Number(all), COUNTED_AT_MOST),
    isRowsAtLeast: Number(all) > COUNTED_AT_MOST,
    newest,
  }));
}

/** Takes the first id of the last 24 hours. Only those that come first are counted in all. */
export function topChannelsStatement(names: Names): string {
  const log = qualified(names, 'notification_log');
  const countedFrom = (from: string) => `(
    select count(*)
    from (
      select from ${log}
      where (channel, id) >= (step.channel, ${from}) and channel <= step.channel
      order by channel, id limit ${COUNTED_AT_MOST} + 1
    ) rows)`;
  return `
    ${channelSteps(names)},
    recent as materialized (
      select step.channel, ${countedFrom('$1::bigint')} as written from step
    ),
    top as materialized (
      select channel, written from recent order by written desc, channel limit ${TOP}
    )
    select step.channel, step.written, ${countedFrom('0')} as rows, newest.created_at as newest
    from top step
    cross join lateral (
      select created_at from ${log}
      where (channel, id) <= (step.channel, 9223372036854775807) and channel >= step.channel
      order by channel desc, id desc limit 1
    ) newest
    order by step.written desc, rows desc, step.channel`;
}
