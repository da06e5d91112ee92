import type { Pool } from 'pg';
import { type Cursor, closeWindow, openWindow, settleUpTo } from '../cursor/cursor.ts';
import { asSnapshot, BEFORE_EVERYTHING } from '../cursor/snapshot.ts';
import type { Database } from '../db/database.ts';
import { type Names, qualified } from '../db/names.ts';
import { query } from '../db/queryable.ts';
import type { FetchLimits } from '../log/fetch-limits.ts';
import type { LogRow } from '../log/log-row.ts';
import { nextBatch } from '../log/window-reader.ts';
import { idsWithin } from './id-range.ts';

export interface TailOptions {
  readonly db: Pick<Database, 'pool' | 'names'>;
  /** Undefined: all. */
  readonly channels: readonly string[] | undefined;
  /** Begin with what was written then. Undefined: with what comes from now on. */
  readonly since: Date | undefined;
  readonly limits: FetchLimits;
}

/** A server that crashes may give out again the transaction ids of less than its last seconds. */
const DURABLE_AFTER_MS = 10_000;

interface Place {
  readonly cursor: Cursor;
  /** Of performance.now(). */
  readonly at: number;
}

/**
 * Reads the log as a consumer does, with its cursor in memory only: whatever the order of commits,
 * each notification that becomes visible is read. After a crash of the server it reads again what
 * became visible in the 10 s or more before that (see docs/decisions/0009).
 */
export class LogTail {
  readonly #pool: Pool;
  readonly #names: Names;
  readonly #options: TailOptions;
  #life = '';
  #cursor: Cursor | undefined;
  /** Where it was at least so long ago that no crash takes back what was visible there. */
  #durable: Place | undefined;
  #recent: Place | undefined;

  constructor(options: TailOptions) {
    this.#pool = options.db.pool;
    this.#names = options.db.names;
    this.#options = options;
  }

  /** What became visible since the time before, or a part of it. Empty: nothing did. */
  async next(): Promise<readonly LogRow[]> {
    const cursor = this.#cursor ?? (await this.#begin());
    const { channels, limits, since } = this.#options;
    const interest = { channels, partition: { number: 0, of: 1 }, life: this.#life };
    const batch = await nextBatch(this.#pool, this.#names, cursor, {
      interest,
      limits,
      upTo: undefined,
    });
    if (batch === undefined) {
      await this.#goBack();
      return this.next();
    }
    const lastId = batch.rows.at(-1)?.id;
    const reached = lastId === undefined ? batch.cursor : settleUpTo(batch.cursor, lastId);
    this.#cursor = lastId !== undefined && batch.last ? closeWindow(reached) : reached;
    this.#remember(this.#cursor);
    const isFromThePast = since !== undefined && batch.cursor.seen === BEFORE_EVERYTHING;
    const wanted = isFromThePast
      ? batch.rows.filter(({ writtenAt }) => writtenAt >= since.getTime())
      : batch.rows;
    // What is older says nothing of what comes behind it.
    return wanted.length === 0 && batch.rows.length > 0 ? this.next() : wanted;
  }

  async #begin(): Promise<Cursor> {
    this.#life = await currentLife(this.#pool, this.#names);
    const { since } = this.#options;
    const [row] = await query<{ now: string }>(
      this.#pool,
      'select pg_current_snapshot()::text as now',
      [],
    );
    const now = asSnapshot(row?.now ?? '');
    const level: Cursor = { seen: now, window: undefined };
    if (since === undefined) return this.#startAt(level);
    const { firstId } = await idsWithin(this.#pool, this.#names, { since, until: undefined });
    const beforeEverything: Cursor = { seen: BEFORE_EVERYTHING, window: undefined };
    return this.#startAt(openWindow(beforeEverything, now, Math.max(0, firstId - 1)));
  }

  #startAt(cursor: Cursor): Cursor {
    const place = { cursor, at: performance.now() };
    this.#cursor = cursor;
    this.#durable = place;
    this.#recent = place;
    return cursor;
  }

  #remember(cursor: Cursor): void {
    const now = performance.now();
    if (this.#recent !== undefined && now - this.#recent.at < DURABLE_AFTER_MS) return;
    this.#durable = this.#recent;
    this.#recent = { cursor, at: now };
  }

  async #goBack(): Promise<void> {
    this.#life = await currentLife(this.#pool, this.#names);
    this.#cursor = this.#durable?.cursor;
    this.#recent = this.#durable;
  }
}

/** The life that the server is in (see server_life in migrations/0001), begun if nobody has. */
async function currentLife(pool: Pool, names: Names): Promise<string> {
  const table = qualified(names, 'server_life');
  const read = async () =>
    (await query<{ id: string }>(pool, `select id::text as id from ${table}`, []))[0]?.id;
  const known = await read();
  if (known !== undefined) return known;
  await query(pool, `insert into ${table} default values on conflict do nothing`, []);
  return (await read()) ?? '';
}
