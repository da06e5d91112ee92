import type { ClientBase, Pool } from 'pg';
import { partitionFilter, type WideInterest } from '../cursor/partition.ts';
import { asSnapshot, partsOf, type Snapshot } from '../cursor/snapshot.ts';
import { type Names, qualified } from '../db/names.ts';
import type { FetchLimits } from './fetch-limits.ts';
import { type LogRow, type LogRowValues, logRowOf } from './log-row.ts';
import { shareOf, smallOnes, smallRows } from './small-rows.ts';

/** What became visible since a snapshot, and the snapshot it was read with. */
export type Fresh =
  | { readonly kind: 'fits'; readonly snapshot: Snapshot; readonly rows: readonly LogRow[] }
  /** More than one fetch may bring, or large: page through the window up to `snapshot` instead. */
  | { readonly kind: 'overflow'; readonly snapshot: Snapshot }
  /** The server has crashed since the cursor was claimed: the cursor has to be read again. */
  | { readonly kind: 'other life' };

/**
 * Fetches the notifications that are not visible in `seen`, in the order of their ids, if one fetch
 * may bring them all.
 *
 * New are the rows of transactions from seen's xmax on, and of those that were running then and
 * have ended since; so what is settled is never read again, and neither are the rows of a
 * transaction that still runs.
 *
 * The planner must take the index (xid, id) for both, with statistics or without, in a custom plan
 * or a generic one. `order by xid, id` lets no other index serve; `offset 0` keeps the channels (and
 * the partition) out of the inner query, where they would make it look selective and lead it elsewhere.
 * The parameters are queries, or in a large log it would plan each fetch anew: a plan for known values
 * seems cheaper to it, and planning takes several times as long as the fetch.
 */
export async function fetchFresh(
  client: Pool | ClientBase,
  names: Names,
  seen: Snapshot,
  { channels, partition, life }: WideInterest,
  limits: FetchLimits,
): Promise<Fresh> {
  const { xmax, xip } = partsOf(seen);
  const filter = partitionFilter(names, partition, 7);
  const { rows } = await client.query<[null, string, string, null, null, null] | LogRowValues>({
    name: `pgwatch_fetch_fresh${channels === undefined ? '_of_all' : ''}${filter.suffix}`,
    text: freshStatement(
      names,
      filter.condition,
      channels === undefined ? EVERY_CHANNEL : THESE_CHANNELS,
    ),
    values: [xmax, xip, channels ?? null, limits.rows + 1, shareOf(limits), life, ...filter.values],
    rowMode: 'array',
  });
  const [first, ...found] = rows;
  if (first === undefined) throw new Error('The fetch gave no snapshot.');
  const [, snapshotText, sameLife] = first;
  if (sameLife !== 'true') return { kind: 'other life' };
  const snapshot = asSnapshot(snapshotText);
  const fresh = found.flatMap((values) => (values[0] === null ? [] : logRowOf(values)));
  if (fresh.length > limits.rows || smallOnes(fresh) < fresh.length) {
    return { kind: 'overflow', snapshot };
  }
  return { kind: 'fits', snapshot, rows: fresh };
}

const THESE_CHANNELS = 'channel = any ((select $3::text[])::text[])';
/** A condition that always holds, and names the parameter. */
export const EVERY_CHANNEL = '($3::text[] is null or true)';

/** Its first row tells the snapshot, and whether this is the life of $6. */
export function freshStatement(
  names: Names,
  ofPartition = '',
  isWanted: string = THESE_CHANNELS,
): string {
  const log = qualified(names, 'notification_log');
  const columns = 'id, channel, key, payload, created_at, traceparent';
  return `
    select null::bigint as id, pg_current_snapshot()::text as channel,
           (exists (select from ${qualified(names, 'server_life')} where id = $6))::text as key,
           null::text as json, null::double precision as written_at, null::text as traceparent
    union all
    ${smallRows(
      `(
      (
        select ${columns}
        from (select ${columns} from ${log} where xid >= (select $1::xid8) order by xid, id offset 0) begun_since
        where ${isWanted} ${ofPartition}
        limit (select $4::bigint)
      )
      union all
      (
        select ${columns}
        from unnest((select $2::xid8[])) as late (xid)
        cross join lateral (
          select ${columns} from ${log} log
          where (log.xid, log.id) >= (late.xid, 0) and log.xid <= late.xid
          order by log.xid, log.id
          offset 0
        ) ended_since
        where pg_visible_in_snapshot(late.xid, pg_current_snapshot())
          and ${isWanted} ${ofPartition}
        limit (select $4::bigint)
      )
    )`,
      '$5',
    )}
    order by id nulls first`;
}
