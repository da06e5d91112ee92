import type { CursorKeeper } from '../cursor/cursor-keeper.ts';
import type { Progress } from '../cursor/progress.ts';
import { heldBytes, type LogRow } from '../log/log-row.ts';
import type { DeliveryEventSink } from './events.ts';
import type { Lanes } from './lanes.ts';
import type { Outcome } from './outcome.ts';
import type { Redeliveries } from './redelivery/redeliveries.ts';
import type { Item, Stretch } from './waiting-items.ts';

export interface RecorderOptions {
  readonly progress: Progress;
  readonly lanes: Lanes;
  readonly keeper: CursorKeeper;
  readonly redeliveries: Redeliveries;
  readonly consumer: string;
  readonly emit: DeliveryEventSink;
  /** What is recorded beside the handlers could not be. */
  readonly onFault: (error: unknown) => void;
  /** A redelivery may have become due. */
  readonly onDue: () => void;
}

type FailedOutcome = Extract<Outcome, { kind: 'retry' | 'dead' }>;

/**
 * Records what came of attempts. What was handled costs no write: the cursor moves past it, or its
 * redelivery is struck off, many at once. What failed is written before its lane is free again.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  #unsettledBytes = 0;
  #unsettledReplays = 0;
  #replayed = 0;
  #live = false;
  /** Running notifications that the cursor was allowed to pass: settled as redeliveries. */
  readonly #passed = new Set<number>();
  #passing = false;
  /** Failed, and not written yet. */
  readonly #failing = new Set<Item>();
  #resolved: LogRow[] = [];
  #resolving: Promise<void> | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  get unsettledBytes(): number {
    return this.#unsettledBytes;
  }

  get unsettledReplays(): number {
    return this.#unsettledReplays;
  }

  /** Nothing is being written. */
  get isIdle(): boolean {
    return this.#resolving === undefined && !this.#passing;
  }

  /** These were fetched, and each is to be settled. */
  expect(rows: readonly LogRow[], isReplay: boolean): void {
    for (const row of rows) this.#unsettledBytes += heldBytes(row);
    if (!isReplay) return;
    this.#unsettledReplays += rows.length;
    this.#replayed += rows.length;
  }

  /** A new notification needs nothing more: handled, or taken care of by redelivery. */
  settle(row: LogRow): void {
    this.#moveCursor((progress) => {
      const batch = progress.settle(row.id);
      if (batch !== undefined) this.#release(row, batch.isReplay);
    });
  }

  /** New notifications of one read, from one index to before another, were handled in their order. */
  recordStretch({ rows, from, isReplay }: Stretch, to: number): void {
    for (let index = from; index < to; index += 1) {
      const row = rows[index];
      if (row !== undefined) this.#release(row, isReplay);
    }
    this.#moveCursor((progress) => progress.settleStretch(rows, from, to));
    const { emit, consumer } = this.#options;
    const isWhole = from === 0 && to === rows.length;
    emit({ type: 'handled', consumer, rows: isWhole ? rows : rows.slice(from, to) });
  }

  #moveCursor(settle: (progress: Progress) => void): void {
    const { progress, keeper } = this.#options;
    const before = progress.cursor;
    settle(progress);
    if (progress.cursor !== before) keeper.advance(progress.cursor);
  }

  #release(row: LogRow, isReplay: boolean): void {
    this.#unsettledBytes -= heldBytes(row);
    if (isReplay) this.#unsettledReplays -= 1;
  }

  /** What was found at the start is handled. */
  goLive(): void {
    if (this.#live) return;
    this.#live = true;
    const { redeliveries, emit, consumer } = this.#options;
    redeliveries.passedParked();
    emit({ type: 'live', consumer, replayed: this.#replayed });
  }

  /**
   * Of notifications with one key that were handled in one call, those behind the first that failed
   * are taken as not handled: they come again, after it.
   */
  record(items: readonly Item[], outcomes: readonly Outcome[]): Promise<void> | undefined {
    const failed: { readonly item: Item; readonly outcome: FailedOutcome }[] = [];
    const behind: Item[] = [];
    const retriedKeys = new Set<string>();
    items.forEach((item, index) => {
      const outcome = outcomes[index] ?? { kind: 'interrupted' };
      const { key } = item.row;
      if (outcome.kind === 'interrupted') return;
      if (key !== null && retriedKeys.has(key)) behind.push(item);
      else if (outcome.kind === 'handled') this.#noteHandled(item, outcome.recorded === true);
      else failed.push({ item, outcome });
      if (outcome.kind === 'retry' && key !== null) retriedKeys.add(key);
    });
    if (failed.length === 0) return undefined;
    for (const { item } of failed) this.#failing.add(item);
    return this.#writeFailures(failed, behind);
  }

  /** Resolves when all that is handled is also struck off. */
  async recorded(): Promise<void> {
    while (this.#resolving !== undefined) await this.#resolving;
  }

  /**
   * Lets the cursor pass what still runs, so that a crash does not repeat all that was handled since,
   * and one handler that never returns stops nobody else.
   */
  passRunning(): void {
    if (this.#passing) return;
    this.#passing = true;
    this.#pass()
      .catch(this.#options.onFault)
      .finally(() => {
        this.#passing = false;
        this.#options.onDue();
      });
  }

  async #writeFailures(
    failed: readonly { readonly item: Item; readonly outcome: FailedOutcome }[],
    behind: readonly Item[],
  ): Promise<void> {
    const { redeliveries, consumer, emit } = this.#options;
    for (const { item, outcome } of failed) {
      const { row } = item;
      const attempts = item.attempts + 1;
      const { error, thrown } = outcome;
      if (outcome.kind === 'retry') {
        const { delaySeconds } = outcome;
        const { withdrawn, isGivenUp } = await redeliveries.retry(
          { row, attempts, error },
          delaySeconds,
          () => this.#withdraw(row, behind),
        );
        for (const waits of withdrawn) this.settle(waits);
        if (isGivenUp) emit({ type: 'given-up', consumer, row, attempts, error, thrown });
        else emit({ type: 'retrying', consumer, row, attempts, delaySeconds, error, thrown });
      } else {
        const end = await redeliveries.bury({ row, attempts, error });
        const type = end === 'buried' ? 'dead-lettered' : 'given-up';
        emit({ type, consumer, row, attempts, error, thrown });
      }
      this.#failing.delete(item);
      this.#passed.delete(row.id);
      this.settle(row);
    }
  }

  /** Out of the lanes and of the call: what has the key of one that failed. Answers what is new. */
  #withdraw({ key }: LogRow, behind: readonly Item[] = []): readonly LogRow[] {
    if (key === null) return [];
    const { lanes, redeliveries } = this.#options;
    const items = [...behind.filter(({ row }) => row.key === key), ...lanes.withdraw(key)];
    redeliveries.leave(items.filter((item) => !this.#isNew(item)).map(({ row }) => row));
    return items.filter((item) => this.#isNew(item)).map(({ row }) => row);
  }

  #isNew({ from, row }: Item): boolean {
    return from === 'log' && !this.#passed.has(row.id);
  }

  #noteHandled(item: Item, isRecorded: boolean): void {
    const { consumer, emit, onDue } = this.#options;
    // What is recorded already has moved the cursor itself.
    if (this.#isNew(item) && isRecorded) this.#release(item.row, item.isReplay);
    else if (this.#isNew(item)) this.settle(item.row);
    else if (isRecorded) onDue();
    else this.#resolve(item.row);
    emit({ type: 'handled', consumer, rows: [item.row] });
  }

  #resolve(row: LogRow): void {
    this.#passed.delete(row.id);
    this.#resolved.push(row);
    this.#resolving ??= this.#writeResolved();
  }

  async #writeResolved(): Promise<void> {
    const { redeliveries, onDue, onFault } = this.#options;
    try {
      while (this.#resolved.length > 0) await redeliveries.resolve(this.#resolved.splice(0));
    } catch (error) {
      onFault(error);
    } finally {
      this.#resolving = undefined;
      onDue();
    }
  }

  async #pass(): Promise<void> {
    const { lanes, redeliveries } = this.#options;
    const running = lanes
      .handling()
      .filter((item) => this.#isNew(item) && !this.#failing.has(item));
    if (running.length === 0) return;
    const rows = running.map(({ row }) => row);
    for (const { id } of rows) this.#passed.add(id);
    const withdrawn = await redeliveries.leaveRunning(rows, () =>
      rows.flatMap((row) => this.#withdraw(row)),
    );
    for (const row of [...rows, ...withdrawn]) this.settle(row);
  }
}
