import type { FencedWrite } from '../../cursor/cursor-store.ts';
import { Mutex } from '../../lifecycle/mutex.ts';
import type { FetchLimits } from '../../log/fetch-limits.ts';
import type { LogRow } from '../../log/log-row.ts';
import type { Patience } from '../patience.ts';
import type { Failed, RedeliveryStore, Resolved } from './redelivery-store.ts';
import type { Redelivery, WaitingRedeliveries } from './waiting-redeliveries.ts';

export interface RedeliveriesOptions {
  readonly store: RedeliveryStore;
  readonly waiting: WaitingRedeliveries;
  readonly patience: Patience;
  readonly limits: FetchLimits;
  /** The snapshot of this run's start, as text. */
  readonly startedAt: string;
  /** A write found that somebody else has taken the lease. */
  readonly onFenced: () => void;
}

/** A notification that failed, and what is known of it. */
export interface FailedAttempt {
  readonly row: LogRow;
  /** Made so far, this one included. */
  readonly attempts: number;
  readonly error: string;
}

/**
 * Takes out what waits in memory with the same key, at the moment from which on it is to wait in the
 * database. Answers what has no row there yet.
 */
export type Withdraw = () => readonly LogRow[];

/**
 * The redeliveries of a consumer as its loop sees them: remembers whether there are any and when
 * the next is due, so that a consumer without failures never asks the database for them.
 *
 * One thing after the other: what is asked and what is written of a key must not cross, or a
 * notification would overtake a failed one, or wait behind one that is gone.
 */
export class Redeliveries {
  readonly #options: RedeliveriesOptions;
  readonly #mutex = new Mutex();
  /** Given to be handled, and not settled here yet. */
  readonly #inFlight = new Set<number>();
  /** Of performance.now(); Infinity when nothing is retried. */
  #nextDueAt = 0;
  /**
   * Whether a fetch may still give what was parked before: a crash between parking a notification
   * and storing the cursor leaves it ahead of the cursor.
   */
  #mayMeetParked = true;
  /** Whether some of what was handled may be known here until the stored cursor has passed it. */
  #mayHaveKept = false;
  /**
   * Whether something may wait behind nothing. Who steers the consumer writes beside us: a statement of
   * ours that ran meanwhile has not seen what waits since then, nor theirs what we have settled.
   */
  #mayHaveOrphans = false;

  constructor(options: RedeliveriesOptions) {
    this.#options = options;
  }

  /** Asks the database how things stand: at the start, before anything else. */
  async open(): Promise<void> {
    await this.#mutex.run(async () => {
      this.#mayMeetParked = !(await this.#ask((waiting) => waiting.isEmpty()));
      if (!this.#mayMeetParked) {
        this.#nextDueAt = Number.POSITIVE_INFINITY;
        return;
      }
      await this.#releaseOrphans();
      await this.#resolve((store) => store.forgetPassed());
      await this.#askWhenDue();
    });
  }

  /** A cursor is stored: what it has passed needs not be known here any more. */
  async forgetPassed(): Promise<void> {
    if (!this.#mayHaveKept) return;
    await this.#mutex.run(() => this.#resolve((store) => store.forgetPassed()));
  }

  /** Asks when the next is due. */
  async askAgain(): Promise<void> {
    await this.#mutex.run(() => this.#askWhenDue());
  }

  /** Somebody else has changed what stands here. */
  async lookAgain(): Promise<void> {
    await this.#mutex.run(() => this.#followSteering());
  }

  /** The cursor has passed all that was parked before this run. */
  passedParked(): void {
    this.#mayMeetParked = false;
  }

  get msUntilDue(): number {
    return Math.max(0, this.#nextDueAt - performance.now());
  }

  /** What is due now. Each is given once, until it is settled or left. */
  async due(): Promise<readonly Redelivery[]> {
    if (this.msUntilDue > 0 && !this.#mayHaveOrphans) return [];
    return this.#mutex.run(async () => {
      // Once the others are handled: to look for them reads all that is retried.
      if (this.msUntilDue > 0) {
        await this.#releaseOrphans();
        await this.#askWhenDue();
        if (this.msUntilDue > 0) return [];
      }
      const { limits, startedAt } = this.#options;
      const inFlight = [...this.#inFlight];
      const due = await this.#ask((waiting) => waiting.due(limits, startedAt, inFlight));
      for (const { row } of due) this.#inFlight.add(row.id);
      if (due.length === 0) {
        // Due, but not to be had: clean-up deleted what they were about.
        await this.#options.patience.until(() => this.#options.store.forgetDeleted());
        await this.#releaseOrphans();
      }
      await this.#askWhenDue();
      return due;
    });
  }

  /**
   * Admits new notifications: all but those that stand here already, and those whose key is being
   * retried, which from now on wait here.
   * @param admit is called before anything else can happen to their keys
   */
  async admit(rows: readonly LogRow[], admit: (rows: readonly LogRow[]) => void): Promise<void> {
    // While something is asked or written, what is known here may be old.
    const nothingRetried =
      this.#mutex.isIdle &&
      this.#nextDueAt === Number.POSITIVE_INFINITY &&
      this.#inFlight.size === 0;
    if (nothingRetried && !this.#mayMeetParked) {
      admit(rows);
      return;
    }
    await this.#mutex.run(async () => {
      const { ids, keys } = await this.#ask((waiting) => waiting.among(rows));
      const unknown = rows.filter(({ id }) => !ids.has(id));
      const waits = ({ key }: LogRow) => key !== null && keys.has(key);
      await this.#waitBehind(unknown.filter(waits));
      admit(unknown.filter((row) => !waits(row)));
    });
  }

  /**
   * Schedules the next attempt; what has its key waits behind it.
   * @returns what was withdrawn, and whether somebody has given it up meanwhile: then it counts as
   *   handled, and what was withdrawn is due
   */
  async retry(
    { row, attempts, error }: FailedAttempt,
    delaySeconds: number,
    withdraw: Withdraw,
  ): Promise<{ readonly withdrawn: readonly LogRow[]; readonly isGivenUp: boolean }> {
    return this.#mutex.run(async () => {
      const isKnown = this.#inFlight.has(row.id);
      const { isGivenUp } = await this.#noteFailure((store) =>
        store.retry(row, attempts, delaySeconds, error, isKnown),
      );
      this.leave([row]);
      if (!isGivenUp) {
        this.#nextDueAt = Math.min(this.#nextDueAt, performance.now() + delaySeconds * 1000);
      }
      const withdrawn = withdraw();
      await this.#waitBehind(withdrawn);
      // Then they wait behind nothing.
      if (isGivenUp) await this.#followSteering();
      return { withdrawn, isGivenUp };
    });
  }

  /** @returns `given up`: somebody has done that meanwhile, so it counts as handled */
  async bury({ row, attempts, error }: FailedAttempt): Promise<'buried' | 'given up'> {
    return this.#mutex.run(async () => {
      const isKnown = this.#inFlight.has(row.id);
      const { isGivenUp } = await this.#noteFailure((store) =>
        store.bury(row, attempts, error, isKnown),
      );
      this.leave([row]);
      if (isGivenUp) await this.#followSteering();
      // What waited behind it is due now.
      else if (row.key !== null) await this.#askWhenDue();
      return isGivenUp ? 'given up' : 'buried';
    });
  }

  /** They were handled after all. */
  async resolve(rows: readonly LogRow[]): Promise<void> {
    await this.#mutex.run(async () => {
      await this.#resolve((store) => store.resolve(rows));
      this.leave(rows);
      await this.#askWhenDue();
    });
  }

  /** The same, done by a task that writes it in a transaction of its own. */
  async resolveBy<T>(row: LogRow, task: () => Promise<T>): Promise<T> {
    return this.#mutex.run(async () => {
      const result = await task();
      this.#mayHaveKept = true;
      this.leave([row]);
      await this.#askWhenDue();
      return result;
    });
  }

  /**
   * Lets the cursor pass what is being handled; from now on it is settled here. What has its key
   * waits behind it. Answers what was withdrawn.
   */
  async leaveRunning(rows: readonly LogRow[], withdraw: Withdraw): Promise<readonly LogRow[]> {
    return this.#mutex.run(async () => {
      for (const { id } of rows) this.#inFlight.add(id);
      await this.#write((store) => store.leaveRunning(rows));
      const withdrawn = withdraw();
      await this.#waitBehind(withdrawn);
      return withdrawn;
    });
  }

  /** Given, but not handled: they stay, as they stand here. */
  leave(rows: readonly LogRow[]): void {
    for (const { id } of rows) this.#inFlight.delete(id);
  }

  async #waitBehind(rows: readonly LogRow[]): Promise<void> {
    if (rows.length > 0) await this.#write((store) => store.waitBehind(rows));
  }

  async #followSteering(): Promise<void> {
    // A discard keeps what the stored cursor has not passed.
    this.#mayHaveKept = true;
    await this.#askWhenDue();
    this.#mayHaveOrphans = this.#nextDueAt < Number.POSITIVE_INFINITY;
  }

  async #askWhenDue(): Promise<void> {
    let seconds = await this.#secondsUntilDue();
    if (seconds === Number.POSITIVE_INFINITY && this.#inFlight.size === 0) {
      // They wait, and there is nothing that they could wait behind.
      await this.#releaseOrphans();
      seconds = await this.#secondsUntilDue();
    }
    this.#nextDueAt = performance.now() + (seconds ?? Number.POSITIVE_INFINITY) * 1000;
  }

  #secondsUntilDue(): Promise<number | undefined> {
    return this.#ask((waiting) => waiting.secondsUntilDue([...this.#inFlight]));
  }

  async #releaseOrphans(): Promise<void> {
    this.#mayHaveOrphans = false;
    await this.#write((store) => store.releaseOrphans());
  }

  #ask<T>(question: (waiting: WaitingRedeliveries) => Promise<T>): Promise<T> {
    return this.#options.patience.until(() => question(this.#options.waiting));
  }

  async #resolve(operation: (store: RedeliveryStore) => Promise<Resolved>): Promise<void> {
    await this.#write(async (store) => {
      const { write, kept } = await operation(store);
      this.#mayHaveKept = kept > 0;
      return write;
    });
  }

  async #noteFailure(operation: (store: RedeliveryStore) => Promise<Failed>): Promise<Failed> {
    let failed: Failed = { write: 'fenced', isGivenUp: false };
    await this.#write(async (store) => {
      failed = await operation(store);
      return failed.write;
    });
    return failed;
  }

  async #write(operation: (store: RedeliveryStore) => Promise<FencedWrite>): Promise<void> {
    const { patience, store, onFenced } = this.#options;
    if ((await patience.until(() => operation(store))) === 'fenced') onFenced();
  }
}
