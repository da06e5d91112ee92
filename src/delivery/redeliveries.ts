import type { FencedWrite } from '../cursor/cursor-store.ts';
import type { FetchLimits } from '../log/fetch-fresh.ts';
import type { LogRow } from '../log/log-row.ts';
import type { Patience } from './patience.ts';
import type { Redelivery, RedeliveryStore } from './redelivery-store.ts';

export interface RedeliveriesOptions {
  readonly store: RedeliveryStore;
  readonly patience: Patience;
  readonly limits: FetchLimits;
  /** The snapshot of this run's start, as text. */
  readonly startedAt: string;
  /** A write found that somebody else has taken the lease. */
  readonly onFenced: () => void;
}

/** The notifications among a batch that are not to be handled now. */
export interface Parked {
  readonly ids: Set<number>;
  readonly keys: Set<string>;
}

/**
 * The redeliveries of a consumer as its loop sees them: remembers whether there are any and when
 * the next is due, so that a consumer without failures never asks the database for them.
 */
export class Redeliveries {
  readonly #options: RedeliveriesOptions;
  /** Of performance.now(); Infinity when nothing is retried. */
  #nextDueAt = 0;
  /**
   * Whether a fetch may still give what was parked before: a crash between parking a notification
   * and storing the cursor leaves it ahead of the cursor.
   */
  #mayMeetParked = true;

  constructor(options: RedeliveriesOptions) {
    this.#options = options;
  }

  /** Asks the database how things stand: at the start, before anything else. */
  async open(): Promise<void> {
    this.#mayMeetParked = !(await this.#do((store) => store.isEmpty()));
    if (this.#mayMeetParked) await this.#write((store) => store.releaseOrphans());
    await this.lookAgain();
  }

  /** Asks when the next is due; others may have changed that. */
  async lookAgain(): Promise<void> {
    const seconds = await this.#do((store) => store.secondsUntilDue());
    this.#nextDueAt =
      seconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + seconds * 1000;
  }

  /** The cursor has passed all that was parked before this run. */
  passedParked(): void {
    this.#mayMeetParked = false;
  }

  get msUntilDue(): number {
    return Math.max(0, this.#nextDueAt - performance.now());
  }

  /** What is due now. */
  async due(): Promise<readonly Redelivery[]> {
    if (this.msUntilDue > 0) return [];
    const { limits, startedAt } = this.#options;
    const due = await this.#do((store) => store.due(limits, startedAt));
    if (due.length > 0) return due;
    // Due, but not to be had: clean-up deleted what they were about.
    await this.#do((store) => store.forgetDeleted());
    await this.#write((store) => store.releaseOrphans());
    await this.lookAgain();
    return [];
  }

  /** Everything of a batch that stands here already, or whose key is being retried. */
  async among(rows: readonly LogRow[]): Promise<Parked> {
    const nothingRetried = this.#nextDueAt === Number.POSITIVE_INFINITY;
    if (nothingRetried && !this.#mayMeetParked) return { ids: new Set(), keys: new Set() };
    return this.#do((store) => store.among(rows));
  }

  async waitBehind(rows: readonly LogRow[]): Promise<void> {
    if (rows.length > 0) await this.#write((store) => store.waitBehind(rows));
  }

  async retry(row: LogRow, attempts: number, delaySeconds: number, error: string): Promise<void> {
    await this.#write((store) => store.retry(row, attempts, delaySeconds, error));
    this.#nextDueAt = Math.min(this.#nextDueAt, performance.now() + delaySeconds * 1000);
  }

  async bury(row: LogRow, attempts: number, error: string): Promise<void> {
    await this.#write((store) => store.bury(row, attempts, error));
  }

  async resolve(rows: readonly LogRow[]): Promise<void> {
    if (rows.length > 0) await this.#write((store) => store.resolve(rows));
  }

  #do<T>(operation: (store: RedeliveryStore) => Promise<T>): Promise<T> {
    return this.#options.patience.until(() => operation(this.#options.store));
  }

  async #write(operation: (store: RedeliveryStore) => Promise<FencedWrite>): Promise<void> {
    if ((await this.#do(operation)) === 'fenced') this.#options.onFenced();
  }
}
