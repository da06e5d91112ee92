import { type Names, qualified } from '../db/names.ts';

export interface WaitingRowsOptions {
  /** At most so many of each part: an SQL expression. */
  readonly limit: string;
  /** The row that has the columns of the cursor. */
  readonly cursor: string;
  /** Not beyond this id: an SQL expression. Default: as far as there are any. */
  readonly upToId?: string;
  /** A further condition on the row `log`. Default: it has no redelivery, which tells of it then. */
  readonly condition?: string;
}

const HIGHEST_ID = '9223372036854775807';

/** A condition on the rows `c` and `log`: none tells of it. */
export function noRedelivery(names: Names): string {
  return `not exists (
    select from ${qualified(names, 'redelivery')} r
    where r.consumer_id = c.id and r.notification_id = log.id)`;
}

/**
 * The notifications that a consumer's cursor has yet to come to, as a select of `created_at` and `id`,
 * for a row `c` of consumer and a row of its cursor.
 *
 * Each part reads a range of an index, and stops at the limit. A cursor in a window has yet to come to
 * what lies behind its id, and to what became visible since the window; one that is level, to what
 * became visible since. (cursor.ts says what is settled; docs/decisions/0002 why this is no `or`, which
 * would read all of the log. Each is ordered as its index is, or the planner takes another one; see
 * reading.ts.)
 */
export function waitingFor(
  names: Names,
  { limit, cursor, condition, upToId }: WaitingRowsOptions,
): string {
  const log = qualified(names, 'notification_log');
  const isWanted = `
    (c.partitions = 1 or ${qualified(names, 'partition_of')}(log.key, log.id, c.partitions) = ${cursor}.partition)
    and ${condition ?? noRedelivery(names)}`;
  // The id stands in the index: what lies beyond is not looked up in the table.
  const isWithin = upToId === undefined ? '' : `and log.id <= ${upToId}`;
  return `
    select ahead.created_at, ahead.id
    from unnest(${cursor}.channels) as ch (channel)
    cross join lateral (
      select log.created_at, log.id
      from ${log} log
      where ${cursor}.until is not null
        and (log.channel, log.id) > (ch.channel, ${cursor}.last_id)
        and (log.channel, log.id) <= (ch.channel, ${upToId ?? HIGHEST_ID})
        and not pg_visible_in_snapshot(log.xid, ${cursor}.seen) and ${isWanted}
      order by log.channel, log.id
      limit ${limit}
    ) ahead
    union all
    (select log.created_at, log.id
     from ${log} log
     where log.xid >= pg_snapshot_xmax(coalesce(${cursor}.until, ${cursor}.seen)) ${isWithin}
       and (${cursor}.until is null or log.id <= ${cursor}.last_id)
       and log.channel = any (${cursor}.channels) and ${isWanted}
     order by log.xid, log.id
     limit ${limit})
    union all
    (select log.created_at, log.id
     from pg_snapshot_xip(coalesce(${cursor}.until, ${cursor}.seen)) as late (xid)
     cross join lateral (
       select log.* from ${log} log where log.xid = late.xid ${isWithin} order by log.xid, log.id
     ) log
     where (${cursor}.until is null or log.id <= ${cursor}.last_id)
       and log.channel = any (${cursor}.channels) and ${isWanted}
     limit ${limit})`;
}
