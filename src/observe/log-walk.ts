import type { Pool } from 'pg';
import type { Queryable } from '../db/queryable.ts';
import type { IdRange } from '../log/id-at-time.ts';
import { reading, unlessCanceled } from './reading.ts';

export interface Walk<Row> {
  /** Where to look. */
  readonly range: IdRange;
  readonly order: 'newest first' | 'oldest first';
  /** How many rows to find. */
  readonly limit: number;
  /** How long to look for them, in milliseconds. */
  readonly withinMs: number;
  /** Looks at a part of the range. @returns at most `limit` rows, in the order of the walk */
  readonly look: (db: Queryable, slice: IdRange, limit: number) => Promise<readonly Row[]>;
}

export interface Walked<Row> {
  readonly found: readonly Row[];
  /** What was not looked at; undefined: nothing is left. */
  readonly rest: IdRange | undefined;
  /** The time was over before so many were found. */
  readonly incomplete: boolean;
}

/** Ids in the first slice; four times as many each time, while it goes quickly. */
const FIRST_SLICE = 500;
const QUICK_MS = 50;
const SLOW_MS = 250;
/** What a slice gets at the least: so that there is some progress each time. */
const SLICE_AT_LEAST_MS = 500;

/**
 * Walks through the log in slices of ids until enough is found or the time is over: so that whoever
 * looks for what is rare finds what can be found in that time, and hears how far it came, instead of
 * waiting or failing. Each slice is a transaction of its own, so no snapshot is held, and others get
 * their turn on the pool.
 */
export async function walkLog<Row extends { readonly id: number }>(
  pool: Pool,
  { range, order, limit, withinMs, look }: Walk<Row>,
): Promise<Walked<Row>> {
  const until = performance.now() + withinMs;
  const found: Row[] = [];
  let idsPerMs = Number.POSITIVE_INFINITY;
  const fitting = (leftMs: number) => Math.max(FIRST_SLICE, Math.floor(idsPerMs * leftMs));
  let rest: IdRange | undefined = range;
  for (let size = FIRST_SLICE; ; ) {
    rest = rest.firstId > rest.lastId ? undefined : rest;
    if (rest === undefined || found.length >= limit) return { found, rest, incomplete: false };
    const began = performance.now();
    const leftMs = until - began;
    if (leftMs <= 0) return { found, rest, incomplete: true };
    const [slice, remaining] = cut(rest, order, Math.min(size, fitting(leftMs)));
    const missing = limit - found.length;
    const rows = await unlessCanceled(
      reading(pool, (db) => look(db, slice, missing), {
        statementTimeoutMs: Math.max(leftMs, SLICE_AT_LEAST_MS),
      }),
    );
    if (rows === undefined) {
      size = Math.max(1, Math.floor(size / 8));
      idsPerMs = Number.POSITIVE_INFINITY;
      continue;
    }
    found.push(...rows);
    const last = rows.at(-1);
    rest = rows.length >= missing && last !== undefined ? beyond(rest, order, last.id) : remaining;
    const took = performance.now() - began;
    idsPerMs = (slice.lastId - slice.firstId + 1) / took;
    if (took < QUICK_MS) size *= 4;
    else if (took > SLOW_MS) size = Math.ceil(size / 2);
  }
}

function cut(
  { firstId, lastId }: IdRange,
  order: Walk<never>['order'],
  size: number,
): [slice: IdRange, rest: IdRange] {
  if (order === 'newest first') {
    const from = Math.max(firstId, lastId - size + 1);
    return [
      { firstId: from, lastId },
      { firstId, lastId: from - 1 },
    ];
  }
  const to = Math.min(lastId, firstId + size - 1);
  return [
    { firstId, lastId: to },
    { firstId: to + 1, lastId },
  ];
}

function beyond({ firstId, lastId }: IdRange, order: Walk<never>['order'], id: number): IdRange {
  return order === 'newest first' ? { firstId, lastId: id - 1 } : { firstId: id + 1, lastId };
}
