import type { ClientBase, Pool } from 'pg';
import { asSnapshot, partsOf, type Snapshot } from '../cursor/snapshot.ts';
import { type Names, qualified } from '../db/names.ts';
import type { Ring } from './wake-router.ts';

export interface Probe {
  /** To be given to the next probe. */
  readonly snapshot: Snapshot;
  /** The channels of what became visible; empty: nothing did. */
  readonly ring: Ring;
}

/** More new rows than this are not looked through for their channels: everybody is rung. */
const ROWS_LOOKED_THROUGH = 1_000;
const CHANNELS_NAMED = 100;

/**
 * Looks which channels have rows that became visible since a snapshot: the same two index look-ups
 * as a consumer's fetch, without the payloads. As there, the parameters are queries so that it is
 * planned once.
 */
export async function probe(
  client: Pool | ClientBase,
  names: Names,
  since: Snapshot,
): Promise<Probe> {
  const { xmax, xip } = partsOf(since);
  const { rows } = await client.query<[string, number, string[]]>({
    name: 'pgwatch_probe',
    text: probeStatement(names),
    values: [xmax, xip, ROWS_LOOKED_THROUGH + 1],
    rowMode: 'array',
  });
  const [snapshot = '', count = 0, channels = []] = rows[0] ?? [];
  const tooMany = count > ROWS_LOOKED_THROUGH || channels.length > CHANNELS_NAMED;
  return { snapshot: asSnapshot(snapshot), ring: tooMany ? 'all' : channels };
}

export function probeStatement(names: Names): string {
  const log = qualified(names, 'notification_log');
  return `
    with fresh as materialized (
      (select channel from ${log} where xid >= (select $1::xid8) order by xid, id limit (select $3::bigint))
      union all
      (
        select ended_since.channel
        from unnest((select $2::xid8[])) as late (xid)
        cross join lateral (
          select channel from ${log} log
          where (log.xid, log.id) >= (late.xid, 0) and log.xid <= late.xid
          order by log.xid, log.id
          limit (select $3::bigint)
        ) ended_since
        where pg_visible_in_snapshot(late.xid, pg_current_snapshot())
        limit (select $3::bigint)
      )
    )
    select pg_current_snapshot()::text, count(*)::int,
           coalesce(array_agg(distinct channel), '{}')
    from fresh`;
}
