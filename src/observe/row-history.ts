import type { Pool } from 'pg';
import { type Names, qualified } from '../db/names.ts';
import { type Queryable, query } from '../db/queryable.ts';
import { type IdRange, wholeLog } from '../log/id-at-time.ts';
import { walkLog } from './log-walk.ts';
import {
  type NotificationSummary,
  SUMMARY_COLUMNS,
  type SummaryRow,
  summaryOf,
} from './notification-record.ts';

export type HistoryEntry = Omit<NotificationSummary, 'deliveries'>;

/** What else the log tells of the row that a notification is about. */
export interface RowHistory {
  /** Newest first. */
  readonly newer: readonly HistoryEntry[];
  readonly older: readonly HistoryEntry[];
  /** There are more than so many. */
  readonly moreNewer: boolean;
  readonly moreOlder: boolean;
  /** The time was over: between these ids it was looked at, and beyond them not. Undefined: it was not. */
  readonly lookedAt: IdRange | undefined;
}

export interface RowHistorySearch {
  readonly id: number;
  /**
   * What makes another one be of the same row: its key; or channel, table and record id, for captured
   * tables without a primary key, whose changes have no key.
   */
  readonly by: 'key' | 'record';
  /** How many to find on each side. */
  readonly limit: number;
  /** For both sides together, in milliseconds. */
  readonly withinMs: number;
}

/**
 * The other notifications of the same row, nearest first in both directions: the log has no index over
 * keys unless somebody has made one (keyIndexStatement()), and what is near is found all the same.
 */
export async function readRowHistory(
  pool: Pool,
  names: Names,
  { id, by, limit, withinMs }: RowHistorySearch,
): Promise<RowHistory> {
  const { firstId, lastId } = await wholeLog(pool, names.schema);
  const began = performance.now();
  const look = (order: 'asc' | 'desc') => (db: Queryable, slice: IdRange, missing: number) =>
    lookForSameRow(db, names, { id, by, order, slice, missing });
  const older = await walkLog(pool, {
    range: { firstId, lastId: id - 1 },
    order: 'newest first',
    // One more, to tell whether there is one.
    limit: limit + 1,
    withinMs: withinMs / 2,
    look: look('desc'),
  });
  const newer = await walkLog(pool, {
    range: { firstId: id + 1, lastId },
    order: 'oldest first',
    limit: limit + 1,
    withinMs: withinMs - (performance.now() - began),
    look: look('asc'),
  });
  return {
    newer: newer.found.slice(0, limit).toReversed(),
    older: older.found.slice(0, limit),
    moreNewer: newer.found.length > limit,
    moreOlder: older.found.length > limit,
    lookedAt:
      older.incomplete || newer.incomplete
        ? {
            firstId: older.incomplete ? (older.rest?.lastId ?? 0) + 1 : firstId,
            lastId: newer.incomplete ? (newer.rest?.firstId ?? 0) - 1 : lastId,
          }
        : undefined,
  };
}

interface Look extends Pick<RowHistorySearch, 'id' | 'by'> {
  readonly order: 'asc' | 'desc';
  readonly slice: IdRange;
  readonly missing: number;
}

async function lookForSameRow(
  db: Queryable,
  names: Names,
  { id, by, order, slice, missing }: Look,
): Promise<HistoryEntry[]> {
  const log = qualified(names, 'notification_log');
  const own = (expression: string) => `(select ${expression} from ${log} where id = $1)`;
  const isSame =
    by === 'key'
      ? `log.key = ${own('key')} and md5(log.key) = md5(${own('key')})`
      : `log.channel = ${own('channel')}
         and log.payload -> 'table' = ${own("payload -> 'table'")}
         and log.payload -> 'id' = ${own("payload -> 'id'")}`;
  const rows = await query<SummaryRow>(
    db,
    `select ${SUMMARY_COLUMNS}
     from ${log} log
     where log.id between $2 and $3 and ${isSame}
     order by log.id ${order}
     limit $4`,
    [id, slice.firstId, slice.lastId, missing],
  );
  return rows.map(summaryOf);
}
