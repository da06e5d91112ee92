import type { ClientBase, Pool } from 'pg';
import { type Interest, partitionFilter } from '../cursor/partition.ts';
import { asSnapshot, partsOf, type Snapshot } from '../cursor/snapshot.ts';
import { type Names, qualified } from '../db/names.ts';
import { ESTIMATED_BYTES, EXACT_BYTES, type LogRow, logRowColumns, logRowOf } from './log-row.ts';

export interface FetchLimits {
  readonly rows: number;
  /** Of payload text and keys, about. A notification larger than this is fetched alone. */
  readonly bytes: number;
}

/** What became visible since a snapshot, and the snapshot it was read with. */
export type Fresh =
  | { readonly kind: 'fits'; readonly snapshot: Snapshot; readonly rows: readonly LogRow[] }
  /** More than one batch: page through the window up to `snapshot` instead. */
  | { readonly kind: 'overflow'; readonly snapshot: Snapshot }
  /** The server has crashed since the cursor was claimed: the cursor has to be read again. */
  | { readonly kind: 'other life' };

/**
 * Fetches the notifications that are not visible in `seen`, in the order of their ids, if they fit
 * in one batch.
 *
 * New are the rows of transactions from seen's xmax on, and of those that were running then and
 * have ended since; so what is settled is never read again, and neither are the rows of a
 * transaction that still runs.
 *
 * The planner must take the index (xid, id) for both, with statistics or without, in a custom plan
 * or a generic one. `order by xid, id` lets no other index serve; `offset 0` keeps the channels (and
 * the partition) out of the inner query, where they would make it look selective and lead it elsewhere.
 */
export async function fetchFresh(
  client: Pool | ClientBase,
  names: Names,
  seen: Snapshot,
  { channels, partition, life }: Interest,
  limits: FetchLimits,
): Promise<Fresh> {
  const { xmax, xip } = partsOf(seen);
  const filter = partitionFilter(names, partition, 8);
  const { rows } = await client.query<FreshValues>({
    name: `pgwatch_fetch_fresh${filter.suffix}`,
    text: freshStatement(names, filter.condition),
    values: [
      xmax,
      xip,
      channels,
      limits.rows + 1,
      limits.rows,
      limits.bytes,
      life,
      ...filter.values,
    ],
    rowMode: 'array',
  });
  const first = rows[0];
  if (first === undefined) throw new Error('The fetch gave no snapshot.');
  if (!first[0]) return { kind: 'other life' };
  const snapshot = asSnapshot(first[1]);
  if (!first[2]) return { kind: 'overflow', snapshot };
  return {
    kind: 'fits',
    snapshot,
    rows: first[3] === null ? [] : rows.map(([, , , ...values]) => logRowOf(values)),
  };
}

type FreshValues = [
  sameLife: boolean,
  snapshot: string,
  fits: boolean,
  id: number,
  channel: string,
  key: string | null,
  json: string | null,
  writtenAt: number,
];

export function freshStatement(names: Names, ofPartition = ''): string {
  const log = qualified(names, 'notification_log');
  const columns = 'id, channel, key, payload, created_at';
  return `
    with fresh as materialized (
      (
        select ${columns}
        from (select ${columns} from ${log} where xid >= $1::xid8 order by xid, id offset 0) begun_since
        where channel = any ($3::text[]) ${ofPartition}
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
          and channel = any ($3::text[]) ${ofPartition}
        limit $4
      )
    ),
    total as (
      select count(*) as rows, count(*) <= $5 and (count(*) = 1 or sum(${ESTIMATED_BYTES}) <= $6) as may_fit
      from fresh
    ),
    batch as materialized (
      select ${logRowColumns(names)} from fresh, total where may_fit
    ),
    fitting as (
      select rows = 0 or (may_fit and (rows = 1 or (select coalesce(sum(${EXACT_BYTES}), 0) from batch) <= $6)) as fits
      from total
    )
    select exists (select from ${qualified(names, 'server_life')} where id = $7),
           pg_current_snapshot()::text, fitting.fits, batch.*
    from fitting left join batch on fitting.fits
    order by batch.id`;
}
