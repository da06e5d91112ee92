import type { Snapshot } from './snapshot.ts';

/**
 * How far a consumer is. Pure: nothing here knows of a database.
 *
 * `seen`: every row of the log that is visible in it is settled. A *window* is the rows between two
 * snapshots: visible in `until`, not in `seen`. They are handled in the order of their ids, never
 * of their transactions: a transaction may take its xid early and write late, whereas for one row
 * of a table, ids follow the row's lock. So inside a window, the position is an id.
 *
 *   level       no window: what is not visible in `seen` is new.
 *   in a window every row of it with an id of at most `lastId` is settled, too.
 *
 * Only real snapshots bound a window; one at a made-up xid could split what ids keep in order.
 */
export interface Cursor {
  readonly seen: Snapshot;
  readonly window: Window | undefined;
}

export interface Window {
  readonly until: Snapshot;
  readonly lastId: number;
}

/** Opens the window from `seen` to `until`; no row of it has an id of `beforeId` or less. */
export function openWindow(cursor: Cursor, until: Snapshot, beforeId: number): Cursor {
  assertLevel(cursor);
  return { seen: cursor.seen, window: { until, lastId: beforeId } };
}

/** Settles the window's rows up to this id. */
export function settleUpTo(cursor: Cursor, id: number): Cursor {
  const window = assertInWindow(cursor);
  if (id < window.lastId) {
    throw new RangeError(`The cursor cannot go back from ${window.lastId} to ${id}.`);
  }
  return { seen: cursor.seen, window: { until: window.until, lastId: id } };
}

/** Everything in the window is settled: it becomes part of what was seen. */
export function closeWindow(cursor: Cursor): Cursor {
  return { seen: assertInWindow(cursor).until, window: undefined };
}

/** A fetch with this snapshot found nothing new. */
export function seeNothingUpTo(cursor: Cursor, snapshot: Snapshot): Cursor {
  assertLevel(cursor);
  return { seen: snapshot, window: undefined };
}

function assertLevel(cursor: Cursor): void {
  if (cursor.window !== undefined) throw new RangeError('The cursor is inside a window.');
}

function assertInWindow(cursor: Cursor): Window {
  if (cursor.window === undefined) throw new RangeError('The cursor is in no window.');
  return cursor.window;
}
