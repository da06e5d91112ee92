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

  constructor(options: CursorKeeperOptions) {
    this.#options = options;
    this.#cursor = options.cursor;
    this.#writeWithin(options.renewEveryMs);
  }

  get cursor(): Cursor {
    return this.#cursor;
  }

  get fenced(): boolean {
    return this.#fenced;
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

  /** Stores what is unstored, and stops. @throws what the last write failed with */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#writing;
    if (!this.#unstored || this.#fenced) return;
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
      this.#writing = this.#write();
    }, ms);
  }

  async #write(): Promise<void> {
    let failed = false;
    this.#unstored = false;
    try {
      this.#noteFence(await this.#options.write(this.#cursor));
    } catch (error) {
      failed = true;
      this.#unstored = true;
      this.#options.onWriteError(error);
    }
    this.#writing = undefined;
    if (failed) this.#writeWithin(RETRY_AFTER_MS);
    else this.#writeWithin(this.#unstored ? WRITE_AFTER_MS : this.#options.renewEveryMs);
  }

  #noteFence(outcome: FencedWrite): void {
    if (outcome !== 'fenced' || this.#fenced) return;
    this.#fenced = true;
    this.#options.onFenced();
  }
}
