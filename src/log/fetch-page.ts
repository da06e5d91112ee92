import type { ClientBase, Pool } from 'pg';
import type { Window } from '../cursor/cursor.ts';
import { partitionFilter, type WideInterest } from '../cursor/partition.ts';
import type { Snapshot } from '../cursor/snapshot.ts';
import { type Names, qualified } from '../db/names.ts';
import type { FetchLimits } from './fetch-limits.ts';
import { type LogRow, type LogRowValues, logRowOf } from './log-row.ts';
import { rowsWithinBytes } from './rows-within-bytes.ts';
import { shareOf, smallOnes, smallRows } from './small-rows.ts';

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
 * it can only guess, out of that choice; and the limit is a query, because a planner that knows it
 * takes all that it expects for less than one page, and collects and sorts again.
 */
export async function fetchPage(
  client: Pool | ClientBase,
  names: Names,
  seen: Snapshot,
  window: Window,
  { channels, partition, life }: WideInterest,
  limits: FetchLimits,
): Promise<Page> {
  const { until, lastId } = window;
  const filter = partitionFilter(names, partition, 8);
  const rowsFrom = channels === undefined ? NEXT_OF_ALL : NEXT_OF_CHANNELS;
  const suffix = `${channels === undefined ? '_of_all' : ''}${filter.suffix}`;
  const values = [seen, until, lastId, channels ?? null, limits.rows, life];
  const { rows: found } = await client.query<LogRowValues>({
    name: `pgwatch_fetch_page${suffix}`,
    text: pageStatement(names, filter.condition, rowsFrom),
    values: [...values, shareOf(limits), ...filter.values],
    rowMode: 'array',
  });
  const page = found.map(logRowOf);
  const small = smallOnes(page);
  const isWholeRest = page.length < limits.rows;
  if (small === page.length) return { rows: page, last: isWholeRest };
  if (small > 0) return { rows: page.slice(0, small), last: false };
  const part = partOf(limits);
  const { rows } = await client.query<LogRowValues>({
    name: `pgwatch_fetch_large${suffix}`,
    text: largePageStatement(names, filter.condition, rowsFrom),
    values: [seen, until, lastId, channels ?? null, part.rows, life, part.bytes, ...filter.values],
    rowMode: 'array',
  });
  return { rows: rows.map(logRowOf), last: isWholeRest && rows.length === page.length };
}

/** Into so many parts a page is divided when it begins with a large notification. */
const LARGE_PARTS = 16;

/**
 * What was read as one answer is garbage only once all of it is handled, and twice as large while it
 * is taken out of the network's buffers. So large ones are read in small parts.
 */
function partOf({ rows, bytes }: FetchLimits): FetchLimits {
  return {
    rows: Math.ceil(rows / LARGE_PARTS),
    bytes: Math.floor(bytes / LARGE_PARTS),
  };
}

/** A page without the texts of those that are not small; $7 is what is small. */
export function pageStatement(
  names: Names,
  ofPartition = '',
  nextRows: NextRows = NEXT_OF_CHANNELS,
): string {
  return `${smallRows(`(${nextRows(names, ofPartition)})`, '$7')} order by id`;
}

/** As much of a page as keeps to the bytes of $7, for one that begins with a large notification. */
export function largePageStatement(
  names: Names,
  ofPartition = '',
  nextRows: NextRows = NEXT_OF_CHANNELS,
): string {
  return rowsWithinBytes(names, {
    from: `(
      select page.*, row_number() over (order by id) as position
      from (${nextRows(names, ofPartition)}) page
    )`,
    limit: '$7',
  });
}

/** A select of the next rows of the window, of the channels of $4. */
type NextRows = (names: Names, ofPartition: string) => string;

const NEXT_OF_CHANNELS: NextRows = (names, ofPartition) => `
    select in_window.*
    from unnest($4::text[] collate "C") as wanted (channel)
    cross join lateral (
      select id, channel, key, payload, created_at, traceparent
      from (
        select id, channel, key, payload, created_at, traceparent, xid
        from ${qualified(names, 'notification_log')} log
        where (log.channel, log.id) > (wanted.channel, $3::bigint) and log.channel <= wanted.channel
        order by log.channel, log.id
        offset 0
      ) ahead
      where not pg_visible_in_snapshot(xid, $1::pg_snapshot)
        and pg_visible_in_snapshot(xid, $2::pg_snapshot)
        ${ofPartition}
      limit (select $5::bigint)
    ) in_window
    where exists (select from ${qualified(names, 'server_life')} where id = $6)
    order by in_window.id
    limit (select $5::bigint)`;

/** Whoever wants every channel walks the primary key, where nothing is passed over in vain. */
export const NEXT_OF_ALL: NextRows = (names, ofPartition) => `
    select id, channel, key, payload, created_at, traceparent
    from (
      select id, channel, key, payload, created_at, traceparent, xid
      from ${qualified(names, 'notification_log')} log
      where log.id > $3::bigint
      order by log.id
      offset 0
    ) ahead
    where not pg_visible_in_snapshot(xid, $1::pg_snapshot)
      and pg_visible_in_snapshot(xid, $2::pg_snapshot)
      and ($4::text[] is null or true)
      and exists (select from ${qualified(names, 'server_life')} where id = $6)
      ${ofPartition}
    limit (select $5::bigint)`;
