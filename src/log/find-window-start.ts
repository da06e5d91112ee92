import type { ClientBase, Pool } from 'pg';
import { partsOf, type Snapshot } from '../cursor/snapshot.ts';
import { type Names, qualified } from '../db/names.ts';

/**
 * An id below which no row is new since `seen`: where paging through a window begins. Reads the
 * index (xid, id) alone, once per window; walking the log from its start would read all that is
 * settled. Not a prepared statement: its plan should know how much is new.
 */
export async function findWindowStart(
  client: Pool | ClientBase,
  names: Names,
  seen: Snapshot,
): Promise<number> {
  const { xmax, xip } = partsOf(seen);
  const { rows } = await client.query<[number]>({
    text: windowStartStatement(names),
    values: [xmax, xip],
    rowMode: 'array',
  });
  return rows[0]?.[0] ?? 0;
}

export function windowStartStatement(names: Names): string {
  const log = qualified(names, 'notification_log');
  return `
    select coalesce(least(
      (
        select min(id)
        from (select id from ${log} where xid >= $1::xid8 order by xid, id offset 0) begun_since
      ),
      (
        select min(first.id)
        from unnest($2::xid8[]) as late (xid)
        cross join lateral (
          select log.id from ${log} log
          where (log.xid, log.id) >= (late.xid, 0) and log.xid <= late.xid
          order by log.xid, log.id
          limit 1
        ) first
        where pg_visible_in_snapshot(late.xid, pg_current_snapshot())
      )
    ) - 1, 0)`;
}
