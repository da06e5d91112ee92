import type { Cursor } from './cursor.ts';
import type { FencedWrite } from './cursor-store.ts';

/** The longest stretch of handled work that a crash may repeat, besides the write itself. */
const WRITE_AFTER_MS = 100;
/** After a write that failed. */
const RETRY_AFTER_MS = 1_000;

export interface CursorKeeperOptions {
  readonly cursor: Cursor;
  /** Stores a cursor and renews the lease. */
  readonly write: (cursor: Cursor) => Promise<FencedWrite>;
  /** A cursor that did not move is stored again this often, to keep the lease. */
  readonly renewEveryMs: number;
  /** How long a write keeps the lease, from when it began. */
  readonly leaseMs: number;
  /** When the lease was asked for, of performance.now(). The answer may have been long in coming. */
  readonly heldSince: number;
  /** What was to be stored is stored. */
  readonly onStored?: () => void;
  /** The lease may have run out, and a write has shown that it is still ours. */
  readonly onLeaseRenewed?: () => void;
  /** Somebody else has taken the lease; called once. */
  readonly onFenced: () => void;
  readonly onWriteError: (error: unknown) => void;
}

/**
 * Keeps a consumer's cursor in memory and stores it now and then, in the background, so that no
 * notification waits for a write: 100 ms after the first unstored advance, and to renew the lease.
 */
export class CursorKeeper {
  readonly #options: CursorKeeperOptions;
  #cursor: Cursor;
  #unstored = false;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #writing: Promise<void> | undefined;
  #fenced = false;
  #closed = false;
  /** What is stored is not known: it is not to be overwritten. */
  #lostTrack = false;
  /** Of performance.now(): until then nobody can have taken over. */
  #leaseUntil: number;

  constructor(options: CursorKeeperOptions) {
    this.#options = options;
    this.#cursor = options.cursor;
    this.#leaseUntil = options.heldSince + options.leaseMs;
    this.#writeWithin(this.leaseHolds ? options.renewEveryMs : 0);
  }

  get cursor(): Cursor {
    return this.#cursor;
  }

  get fenced(): boolean {
    return this.#fenced;
  }

  /**
   * Whether the lease is surely ours. It is not when the server was away, or this process was frozen,
   * for so long that somebody may have taken over; a write will show.
   */
  get leaseHolds(): boolean {
    return this.holdsLeaseAt(performance.now());
  }

  /** The same for one who has just asked performance.now(). */
  holdsLeaseAt(now: number): boolean {
    return !this.#fenced && now < this.#leaseUntil;
  }

  /** Something was settled: to be stored soon. */
  advance(cursor: Cursor): void {
    this.#cursor = cursor;
    this.#unstored = true;
    this.#writeWithin(WRITE_AFTER_MS);
  }

  /** Nothing was settled, only seen to be empty: to be stored with the next write. */
  moveInMemory(cursor: Cursor): void {
    this.#cursor = cursor;
  }

  /**
   * Lets a task store the cursor itself, with no other write before it has ended.
   * @param task answers the cursor that it stored, undefined when it stored none
   * @throws what the task throws; what is stored then is not known, and nothing is written any more
   */
  async exclusively(task: () => Promise<Cursor | undefined>): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    const began = performance.now();
    const wasUnstored = this.#unstored;
    this.#unstored = false;
    const storing = task();
    this.#writing = storing.then(
      () => {},
      () => {},
    );
    try {
      const stored = await storing;
      if (stored === undefined) this.#unstored ||= wasUnstored;
      else {
        this.#cursor = stored;
        this.#noteStored(began);
      }
    } catch (error) {
      this.#closed = true;
      this.#lostTrack = true;
      clearTimeout(this.#timer);
      throw error;
    } finally {
      this.#writing = undefined;
    }
    this.#writeWithin(this.#unstored ? WRITE_AFTER_MS : this.#options.renewEveryMs);
  }

  /** Stores what is unstored, and stops. @throws what the last write failed with */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#writing;
    if (!this.#unstored || this.#fenced || this.#lostTrack) return;
    this.#noteFence(await this.#options.write(this.#cursor));
    this.#unstored = false;
  }

  #writeWithin(ms: number): void {
    const at = performance.now() + ms;
    if (this.#closed || this.#fenced || this.#writing !== undefined || at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      // What is being stored by itself asks for the next write at its end.
      this.#writing ??= this.#write();
    }, ms);
  }

  async #write(): Promise<void> {
    let failed = false;
    this.#unstored = false;
    const began = performance.now();
    try {
      this.#noteFence(await this.#options.write(this.#cursor));
      this.#noteStored(began);
    } catch (error) {
      failed = true;
      this.#unstored = true;
      this.#options.onWriteError(error);
    }
    this.#writing = undefined;
    if (failed) this.#writeWithin(RETRY_AFTER_MS);
    else this.#writeWithin(this.#unstored ? WRITE_AFTER_MS : this.#options.renewEveryMs);
  }

  #noteStored(began: number): void {
    if (this.#fenced) return;
    const hadRunOut = !this.leaseHolds;
    this.#leaseUntil = began + this.#options.leaseMs;
    this.#options.onStored?.();
    if (hadRunOut) this.#options.onLeaseRenewed?.();
  }

  #noteFence(outcome: FencedWrite): void {
    if (outcome !== 'fenced' || this.#fenced) return;
    this.#fenced = true;
    this.#options.onFenced();
  }
}
