import type { Pool } from 'pg';
import { type Cursor, closeWindow, openWindow, seeNothingUpTo } from '../cursor/cursor.ts';
import type { WideInterest } from '../cursor/partition.ts';
import type { Snapshot } from '../cursor/snapshot.ts';
import type { Names } from '../db/names.ts';
import { fetchFresh } from './fetch-fresh.ts';
import type { FetchLimits } from './fetch-limits.ts';
import { fetchPage } from './fetch-page.ts';
import { findWindowStart } from './find-window-start.ts';
import type { LogRow } from './log-row.ts';

/** What comes next after a cursor. */
export interface Batch {
  /** In the order of their ids. Empty: nothing is new. */
  readonly rows: readonly LogRow[];
  /** Theirs. Made once for all consumers that share the read. */
  readonly ids: readonly number[];
  /** Where the cursor stands before the first of them; in a window, unless there are none. */
  readonly cursor: Cursor;
  /** Whether these rows are all that is left of the window. */
  readonly last: boolean;
  /** Whether all that was new fitted into this batch: the reader is level with the log. */
  readonly level: boolean;
}

export interface Reading {
  readonly interest: WideInterest;
  readonly limits: FetchLimits;
  /** Where to stop, if the log is not to be read further; never before an open window's end. */
  readonly upTo: Snapshot | undefined;
}

/**
 * Fetches what comes next after a cursor: what is left of an open window, else what became visible
 * since `seen`; as one batch if it fits, else as the first page of a window up to now.
 * @returns undefined when the server has crashed since the cursor was claimed
 */
export async function nextBatch(
  pool: Pool,
  names: Names,
  cursor: Cursor,
  reading: Reading,
): Promise<Batch | undefined> {
  const { interest, limits, upTo } = reading;
  const { seen, window } = cursor;
  if (window !== undefined) {
    const { rows, last } = await fetchPage(pool, names, seen, window, interest, limits);
    if (rows.length > 0) return { rows, ids: idsOf(rows), cursor, last, level: false };
    return nextBatch(pool, names, closeWindow(cursor), reading);
  }
  if (upTo !== undefined) {
    if (seen === upTo) return { rows: [], ids: [], cursor, last: true, level: true };
    return nextBatch(pool, names, await windowUpTo(pool, names, cursor, upTo), reading);
  }
  const fresh = await fetchFresh(pool, names, seen, interest, limits);
  if (fresh.kind === 'other life') return undefined;
  if (fresh.kind === 'overflow') {
    return nextBatch(pool, names, await windowUpTo(pool, names, cursor, fresh.snapshot), reading);
  }
  return batchOf(cursor, fresh.snapshot, fresh.rows);
}

/** All that became visible up to a snapshot, for a cursor that is level. */
export function batchOf(cursor: Cursor, until: Snapshot, rows: readonly LogRow[]): Batch {
  const [first] = rows;
  return {
    rows,
    ids: idsOf(rows),
    cursor:
      first === undefined ? seeNothingUpTo(cursor, until) : openWindow(cursor, until, first.id - 1),
    last: true,
    level: true,
  };
}

function idsOf(rows: readonly LogRow[]): readonly number[] {
  return rows.map(({ id }) => id);
}

async function windowUpTo(
  pool: Pool,
  names: Names,
  cursor: Cursor,
  until: Snapshot,
): Promise<Cursor> {
  return openWindow(cursor, until, await findWindowStart(pool, names, cursor.seen));
}
