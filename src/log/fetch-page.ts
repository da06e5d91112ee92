import type { ClientBase, Pool } from 'pg';
import type { Window } from '../cursor/cursor.ts';
import { type Interest, partitionFilter } from '../cursor/partition.ts';
import type { Snapshot } from '../cursor/snapshot.ts';
import { type Names, qualified } from '../db/names.ts';
import type { FetchLimits } from './fetch-fresh.ts';
import { type LogRow, logRowOf, rowsWithinBytes } from './log-row.ts';

export interface Page {
  readonly rows: readonly LogRow[];
  /** Whether nothing of the window comes after these rows. */
  readonly last: boolean;
}

/**
 * Fetches the next notifications of a window, in the order of their ids. In another life of the
 * server there are none.
 *
 * Each channel is read from its own place in the index (channel, id), so that a consumer of a quiet
 * channel does not read through a busy one. The planner must take that index, and take it in order:
 * the channel is bounded by a row comparison and named in the order, because after an equality it
 * might as well walk the primary key, and after a plain range it expects so few rows that it would
 * collect and sort all of the backlog for each page. `offset 0` keeps the snapshots, whose effect
 * it can only guess, out of that choice.
 */
export async function fetchPage(
  client: Pool | ClientBase,
  names: Names,
  seen: Snapshot,
  window: Window,
  { channels, partition, life }: Interest,
  limits: FetchLimits,
): Promise<Page> {
  const { until, lastId } = window;
  const filter = partitionFilter(names, partition, 8);
  const { rows } = await client.query<PageValues>({
    name: `pgwatch_fetch_page${filter.suffix}`,
    text: pageStatement(names, filter.condition),
    values: [seen, until, lastId, channels, limits.rows, limits.bytes, life, ...filter.values],
    rowMode: 'array',
  });
  const found = rows[0]?.[5] ?? 0;
  return {
    rows: rows.map(([id, channel, key, json, writtenAt]) =>
      logRowOf([id, channel, key, json, writtenAt]),
    ),
    last: found < limits.rows && rows.length === found,
  };
}

type PageValues = [
  id: number,
  channel: string,
  key: string | null,
  json: string | null,
  writtenAt: number,
  /** How many rows the page would have without the limit on bytes. */
  found: number,
];

export function pageStatement(names: Names, ofPartition = ''): string {
  const log = qualified(names, 'notification_log');
  return `
    with page as materialized (
      select in_window.*
      from unnest($4::text[] collate "C") as wanted (channel)
      cross join lateral (
        select id, channel, key, payload, created_at
        from (
          select id, channel, key, payload, created_at, xid
          from ${log} log
          where (log.channel, log.id) > (wanted.channel, $3::bigint) and log.channel <= wanted.channel
          order by log.channel, log.id
          offset 0
        ) ahead
        where not pg_visible_in_snapshot(xid, $1::pg_snapshot)
          and pg_visible_in_snapshot(xid, $2::pg_snapshot)
          ${ofPartition}
        limit $5
      ) in_window
      where exists (select from ${qualified(names, 'server_life')} where id = $7)
      order by in_window.id
      limit $5
    )
    ${rowsWithinBytes(names, {
      from: `(
        select page.*, count(*) over () as found, row_number() over (order by id) as position
        from page
      )`,
      limit: '$6',
      carry: ['found'],
    })}`;
}
