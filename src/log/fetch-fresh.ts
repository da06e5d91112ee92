import type { ClientBase, Pool } from 'pg';
import { asSnapshot, partsOf, type Snapshot } from '../cursor/snapshot.ts';
import { type Names, qualified } from '../db/names.ts';
import { estimatedBytes, type LogRow, logRowColumns, logRowOf } from './log-row.ts';

export interface FetchLimits {
  readonly rows: number;
  /** Of payload text, about. A notification larger than this is fetched alone. */
  readonly bytes: number;
}

/** What became visible since a snapshot, and the snapshot it was read with. */
export type Fresh =
  | { readonly kind: 'fits'; readonly snapshot: Snapshot; readonly rows: readonly LogRow[] }
  /** More than one batch: page through the window up to `snapshot` instead. */
  | { readonly kind: 'overflow'; readonly snapshot: Snapshot };

/**
 * Fetches the notifications that are not visible in `seen`, in the order of their ids, if they fit
 * in one batch.
 *
 * New are the rows of transactions from seen's xmax on, and of those that were running then and
 * have ended since; so what is settled is never read again, and neither are the rows of a
 * transaction that still runs.
 *
 * The planner must take the index (xid, id) for both, with statistics or without, in a custom plan
 * or a generic one. `order by xid, id` lets no other index serve; `offset 0` keeps the channels out
 * of the inner query, where they would make it look selective and lead it elsewhere.
 */
export async function fetchFresh(
  client: Pool | ClientBase,
  names: Names,
  seen: Snapshot,
  channels: readonly string[],
  limits: FetchLimits,
): Promise<Fresh> {
  const { xmax, xip } = partsOf(seen);
  const { rows } = await client.query<FreshValues>({
    name: 'pgwatch_fetch_fresh',
    text: freshStatement(names),
    values: [xmax, xip, channels, limits.rows + 1, limits.rows, limits.bytes],
    rowMode: 'array',
  });
  const first = rows[0];
  if (first === undefined) throw new Error('The fetch gave no snapshot.');
  const snapshot = asSnapshot(first[0]);
  if (!first[1]) return { kind: 'overflow', snapshot };
  return {
    kind: 'fits',
    snapshot,
    rows: first[2] === null ? [] : rows.map(([, , ...values]) => logRowOf(values)),
  };
}

type FreshValues = [
  snapshot: string,
  fits: boolean,
  id: number,
  channel: string,
  key: string | null,
  json: string,
  writtenAt: number,
];

export function freshStatement(names: Names): string {
  const log = qualified(names, 'notification_log');
  const columns = 'id, channel, key, payload, created_at';
  return `
    with fresh as materialized (
      (
        select ${columns}
        from (select ${columns} from ${log} where xid >= $1::xid8 order by xid, id offset 0) begun_since
        where channel = any ($3::text[])
        limit $4
      )
      union all
      (
        select ${columns}
        from unnest($2::xid8[]) as late (xid)
        cross join lateral (
          select ${columns} from ${log} log
          where (log.xid, log.id) >= (late.xid, 0) and log.xid <= late.xid
          order by log.xid, log.id
          offset 0
        ) ended_since
        where pg_visible_in_snapshot(late.xid, pg_current_snapshot())
          and channel = any ($3::text[])
        limit $4
      )
    ),
    batch as (
      select count(*) <= $5 and (count(*) = 1 or coalesce(sum(${estimatedBytes('fresh')}), 0) <= $6) as fits
      from fresh
    )
    select pg_current_snapshot()::text, batch.fits, ${logRowColumns('fresh')}
    from batch left join fresh on batch.fits
    order by fresh.id`;
}
