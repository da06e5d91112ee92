import type { Pool } from 'pg';
import { type Queryable, query } from '../db/queryable.ts';
import { codeOf, SQLSTATE } from '../db/sqlstate.ts';

export interface ReadingOptions {
  /** A statement that takes longer is given up. Default: 30,000. */
  readonly statementTimeoutMs?: number;
  /** For what has to read much: the planner may do as it thinks best. Default: false. */
  readonly planFreely?: boolean;
}

/**
 * What the log's statistics never tell the planner: that nearly everything is settled, and that a count
 * stops at its limit. It would rather sort or read all of the log than follow an index.
 */
export const FOLLOW_INDEXES = `
  set local enable_seqscan = off;
  set local enable_bitmapscan = off;
  set local enable_sort = off;
  set local enable_hashjoin = off;
  set local enable_mergejoin = off;
  set local jit = off`;

/**
 * Lends a transaction that only reads: all of its statements see the same moment, and follow indexes.
 * @throws what the task throws
 */
export async function reading<T>(
  pool: Pool,
  task: (db: Queryable) => Promise<T>,
  { statementTimeoutMs = 30_000, planFreely = false }: ReadingOptions = {},
): Promise<T> {
  const client = await pool.connect();
  let failed = true;
  try {
    await client.query(
      `begin transaction isolation level repeatable read, read only;
       set local statement_timeout = ${Math.ceil(statementTimeoutMs)};${planFreely ? '' : FOLLOW_INDEXES}`,
    );
    const result = await task(client);
    await client.query('commit');
    failed = false;
    return result;
  } catch (error) {
    // What cannot be rolled back is lost, and its connection with it.
    failed = await client.query('rollback').then(
      () => false,
      () => true,
    );
    throw error;
  } finally {
    client.release(failed);
  }
}

/** @returns undefined: a statement took too long */
export async function unlessCanceled<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (codeOf(error) === SQLSTATE.queryCanceled) return undefined;
    throw error;
  }
}

/**
 * Reads a part of what a transaction of reading() reads, so long at most. Given up, the transaction
 * goes on without it.
 * @param ms for each of its statements
 * @returns undefined: a statement took too long
 */
export async function readWithin<T>(
  db: Queryable,
  ms: number,
  part: () => Promise<T>,
): Promise<T | undefined> {
  const limit = Math.max(1, Math.ceil(ms));
  await query(db, `savepoint part; set local statement_timeout = ${limit}`, []);
  const result = await unlessCanceled(part());
  // That takes back the setting, too.
  await query(db, 'rollback to savepoint part; release savepoint part', []);
  return result;
}
