import { setImmediate } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Cursor } from '../cursor/cursor.ts';
import type { Interest } from '../cursor/partition.ts';
import { includes, type Snapshot } from '../cursor/snapshot.ts';
import type { Names } from '../db/names.ts';
import type { FetchLimits } from './fetch-limits.ts';
import { heldBytes } from './log-row.ts';
import type { News } from './news.ts';
import { type Batch, nextBatch, type Reading } from './window-reader.ts';

/** Reads the log for one consumer's partition. */
export interface LogReader {
  /** What comes next after a cursor; undefined when the server has crashed since it was claimed. */
  next(cursor: Cursor): Promise<Batch | undefined>;
  /** The same, up to the end of news that is at hand; undefined when that has to be read. */
  fromNews(cursor: Cursor, news: News): Batch | undefined;
  close(): void;
}

/** For one that does not read the log to its end. */
export function separateReader(pool: Pool, names: Names, reading: Reading): LogReader {
  return {
    next: (cursor) => nextBatch(pool, names, cursor, reading),
    fromNews: () => undefined,
    close() {},
  };
}

/** So many of the last reads are kept for whoever comes later, and at most half a fetch's bytes. */
const READS_KEPT = 8;

/**
 * The reads of one process. Consumers that want the same of the log and stand at the same place share
 * a read: it is made once, and its rows are parsed once.
 */
export class SharedReads {
  readonly #pool: Pool;
  readonly #names: Names;
  readonly #limits: FetchLimits;
  readonly #tails = new Map<string, Tail>();

  constructor(pool: Pool, names: Names, limits: FetchLimits) {
    this.#pool = pool;
    this.#names = names;
    this.#limits = limits;
  }

  open(interest: Interest): LogReader {
    const { channels, partition, life } = interest;
    const key = JSON.stringify([[...channels].sort(), partition, life]);
    const tail = this.#tails.get(key) ?? new Tail(this.#pool, this.#names, interest, this.#limits);
    this.#tails.set(key, tail);
    tail.readers += 1;
    return {
      next: (cursor) => tail.next(cursor),
      fromNews: (cursor, news) => tail.fromNews(cursor, news),
      close: () => {
        tail.readers -= 1;
        if (tail.readers === 0) this.#tails.delete(key);
      },
    };
  }
}

interface Read {
  /** Whether it is too late to be part of it: what was written since may be missing. */
  isSent: boolean;
  bytes: number;
  readonly batch: Promise<Batch | undefined>;
}

/**
 * Reads the end of the log for consumers that want the same of it.
 *
 * Each read begins at a cursor and says where it leads; the next one begins there. So the reads form
 * a chain, and all who stand at one of its links take the next from memory. Whoever stands elsewhere
 * reads for itself, through a window that ends where the chain does (a real snapshot, as every end of
 * a window has to be), and then is on it, too.
 */
class Tail {
  readers = 0;
  readonly #pool: Pool;
  readonly #names: Names;
  readonly #interest: Interest;
  readonly #limits: FetchLimits;
  /** By the cursor where they begin, oldest first; none that found nothing. */
  readonly #reads = new Map<string, Read>();
  #keptBytes = 0;
  /** Where the chain ends. */
  #end: Snapshot | undefined;
  /** What was last taken from news, and by one who stood where. */
  #taken: { readonly news: News; readonly seen: Snapshot; readonly batch: Batch } | undefined;

  constructor(pool: Pool, names: Names, interest: Interest, limits: FetchLimits) {
    this.#pool = pool;
    this.#names = names;
    this.#interest = interest;
    this.#limits = limits;
  }

  async next(cursor: Cursor): Promise<Batch | undefined> {
    if (this.readers === 1) return this.#read(cursor);
    const key = keyOf(cursor);
    for (;;) {
      const read = this.#reads.get(key);
      if (read === undefined) return this.#begin(key, cursor).batch;
      if (!read.isSent) return read.batch;
      const batch = await read.batch;
      if (batch === undefined) return undefined;
      // It was asked before we were: there may be more by now.
      if (batch.rows.length > 0) return { ...batch, level: false };
    }
  }

  /** Like a read, it leads on from one link of the chain to the next. */
  fromNews(cursor: Cursor, news: News): Batch | undefined {
    const { seen, window } = cursor;
    const { news: lastNews, seen: lastSeen, batch: lastBatch } = this.#taken ?? {};
    if (window === undefined && lastNews === news && lastSeen === seen) return lastBatch;
    const batch = news.after(cursor, this.#interest);
    if (batch === undefined) return undefined;
    this.#taken = { news, seen, batch };
    this.#extend(endOf(batch));
    return batch;
  }

  #begin(key: string, cursor: Cursor): Read {
    const read: Read = {
      isSent: false,
      bytes: 0,
      batch: this.#gather(cursor).then(() => {
        read.isSent = true;
        return this.#read(cursor);
      }),
    };
    this.#reads.set(key, read);
    read.batch.then(
      (batch) => this.#keep(key, read, batch),
      () => this.#drop(key, read),
    );
    return read;
  }

  /** All who are rung for the same rows ask at the same moment. */
  async #gather({ window }: Cursor): Promise<void> {
    if (window === undefined) await setImmediate();
  }

  async #read(cursor: Cursor): Promise<Batch | undefined> {
    const upTo = this.#endAhead(cursor);
    const reading = { interest: this.#interest, limits: this.#limits, upTo };
    const batch = await nextBatch(this.#pool, this.#names, cursor, reading);
    if (batch === undefined) return undefined;
    // On the chain, and with nothing in between: what comes after is still to be asked for.
    if (upTo !== undefined && batch.rows.length === 0) return this.next(batch.cursor);
    if (batch.level) this.#extend(endOf(batch));
    return batch;
  }

  /** The chain's end, for one who is level and stands before it. */
  #endAhead({ seen, window }: Cursor): Snapshot | undefined {
    const end = this.#end;
    if (this.readers === 1 || window !== undefined || end === undefined || end === seen) {
      return undefined;
    }
    return includes(end, seen) ? end : undefined;
  }

  #extend(end: Snapshot): void {
    if (this.#end === undefined || includes(end, this.#end)) this.#end = end;
  }

  #keep(key: string, read: Read, batch: Batch | undefined): void {
    if (batch === undefined || batch.rows.length === 0) this.#drop(key, read);
    if (batch === undefined || this.#reads.get(key) !== read) return;
    read.bytes = batch.rows.reduce((sum, row) => sum + heldBytes(row), 0);
    this.#keptBytes += read.bytes;
    for (const [oldest, one] of this.#reads) {
      if (this.#reads.size <= READS_KEPT && this.#keptBytes * 2 <= this.#limits.bytes) break;
      this.#drop(oldest, one);
    }
  }

  #drop(key: string, read: Read): void {
    if (this.#reads.get(key) !== read) return;
    this.#reads.delete(key);
    this.#keptBytes -= read.bytes;
  }
}

function endOf({ cursor }: Batch): Snapshot {
  return cursor.window?.until ?? cursor.seen;
}

function keyOf({ seen, window }: Cursor): string {
  return window === undefined ? seen : `${seen} ${window.until} ${window.lastId}`;
}
