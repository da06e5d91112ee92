import type { Cursor } from '../cursor/cursor.ts';
import type { CursorKeeper } from '../cursor/cursor-keeper.ts';
import { Progress } from '../cursor/progress.ts';
import type { FetchLimits } from '../log/fetch-limits.ts';
import type { LogRow } from '../log/log-row.ts';
import type { News } from '../log/news.ts';
import type { LogReader } from '../log/shared-reads.ts';
import type { Batch } from '../log/window-reader.ts';
import { PendingWake } from '../wake/pending-wake.ts';
import type { Attempts } from './attempts.ts';
import { Dispatcher } from './dispatcher.ts';
import type { DeliveryEventSink } from './events.ts';
import { type LaneLimits, Lanes } from './lanes.ts';
import type { Patience } from './patience.ts';
import { Recorder } from './recorder.ts';
import type { Redeliveries } from './redelivery/redeliveries.ts';

export interface ConsumerLoopOptions {
  readonly consumer: { readonly id: string };
  readonly attempts: Attempts;
  /** How many may be handled ahead of one that still runs. */
  readonly takenUp: number;
  readonly lanes: LaneLimits;
  readonly reader: LogReader;
  readonly limits: FetchLimits;
  /** The log is read to an end that others wait for, and is not read further. */
  readonly isClosing: boolean;
  readonly keeper: CursorKeeper;
  readonly redeliveries: Redeliveries;
  /** A fetch without having been woken: a safety net. Milliseconds. */
  readonly fallbackMs: number;
  /** Return as soon as there is nothing to do. */
  readonly once: boolean;
  /** Aborted: fetch no more, begin no further notification. */
  readonly stopping: AbortSignal;
  readonly patience: Patience;
  /** The cursor in memory is not to be trusted any more. */
  readonly onFenced: () => void;
  readonly emit: DeliveryEventSink;
}

/**
 * Runs one consumer while its lease is held: wait, fetch, dispatch, advance. Handlers run meanwhile;
 * what waits for them is fetched ahead, about a batch.
 *
 *   playing back  from the start until a fetch finds that all that is new fits in one batch:
 *                 notifications up to there are replays.
 *   live          from then on; said when the replays are handled.
 */
export class ConsumerLoop {
  readonly #options: ConsumerLoopOptions;
  readonly #progress: Progress;
  readonly #lanes: Lanes;
  readonly #recorder: Recorder;
  readonly #dispatcher: Dispatcher;
  readonly #nudge = new PendingWake();
  /** Whether there may be something new: rung for, or left over by the last fetch. */
  #mayBeNew = true;
  /** All that was rung for since the last read, where that came along. */
  #news: News | undefined;
  #fallbackAt = 0;
  /** The redeliveries were changed from outside since they were last looked at. */
  #mayBeDue = false;
  /** Nobody looks at what is due meanwhile. */
  #waitsForRoom = false;
  #level = false;
  #fault: { readonly error: unknown } | undefined;

  constructor(options: ConsumerLoopOptions) {
    this.#options = options;
    const { keeper, redeliveries, attempts, stopping, consumer, emit } = options;
    this.#progress = new Progress(keeper.cursor);
    this.#lanes = new Lanes(options.lanes);
    const onFault = (error: unknown) => {
      this.#fault ??= { error };
      this.#nudge.wake();
    };
    this.#recorder = new Recorder({
      progress: this.#progress,
      lanes: this.#lanes,
      keeper,
      redeliveries,
      consumer: consumer.id,
      emit,
      onFault,
      onDue: () => this.#nudge.wake(),
    });
    const isStopped = () => stopping.aborted || this.#fault !== undefined;
    this.#dispatcher = new Dispatcher({
      lanes: this.#lanes,
      mayBegin: (now) => !isStopped() && keeper.holdsLeaseAt(now),
      isStopped,
      attempt: (items) => attempts.make(items, this.#progress),
      attemptAtOnce: attempts.makeAtOnce,
      settleStretch: (stretch, to) => this.#recorder.recordStretch(stretch, to),
      settle: (items, outcomes) => this.#recorder.record(items, outcomes),
      onEnd: () => this.#noteEnd(),
      onFault,
    });
  }

  /** There may be something new. Of news, the latest is kept: what came before it has to be read, then. */
  wake(news?: News): void {
    if (news === undefined) this.#mayBeNew = true;
    else this.#news = news;
    this.#nudge.wake();
  }

  /** Somebody else has changed the redeliveries. */
  lookAgain(): void {
    this.#mayBeDue = true;
    this.#nudge.wake();
  }

  /** Returns when stopped, or with `once`, when nothing is left to do; no handler runs then. */
  async run(): Promise<void> {
    const { stopping, once } = this.#options;
    try {
      while (!stopping.aborted) {
        const found = await this.#fetch();
        // Handlers would have to wait for the next read, were it asked for after them.
        if (this.#isHungry) this.#dispatcher.beginLater();
        else this.#dispatcher.begin();
        if (this.#fault !== undefined) throw this.#fault.error;
        if (found) continue;
        if (once && this.#isDone()) return;
        await this.#wait();
      }
    } catch (error) {
      this.#fault ??= { error }; // Nothing that waits for its turn is to begin afterwards.
      throw error;
    } finally {
      await this.#dispatcher.drained();
      await this.#recorder.recorded();
    }
  }

  async #wait(): Promise<void> {
    const { redeliveries, stopping, fallbackMs } = this.#options;
    const now = performance.now();
    if (this.#fallbackAt < now) this.#fallbackAt = now + fallbackMs;
    this.#waitsForRoom = !this.#hasRoomForDue();
    const dueMs = this.#waitsForRoom ? Number.POSITIVE_INFINITY : redeliveries.msUntilDue;
    const end = await this.#nudge.wait(Math.min(this.#fallbackAt - now, dueMs), stopping);
    if (end !== 'timeout' || performance.now() < this.#fallbackAt) return;
    this.#mayBeNew = true;
    await redeliveries.askAgain();
  }

  async #fetch(): Promise<boolean> {
    if (this.#mayBeDue) {
      this.#mayBeDue = false;
      const { redeliveries } = this.#options;
      // Some of these may have been given up; what has not is fetched again.
      redeliveries.leave(this.#lanes.withdrawRedeliveries().map(({ row }) => row));
      await redeliveries.lookAgain();
    }
    const redelivered = await this.#fetchDue();
    return (await this.#fetchNew()) || redelivered;
  }

  /** False: nothing is due, or there is no room for it. */
  async #fetchDue(): Promise<boolean> {
    if (!this.#hasRoomForDue()) return false;
    const due = await this.#options.redeliveries.due();
    for (const { row, attempts, reason, wasThere } of due) {
      const isReplay = reason === 'replay' || wasThere;
      this.#lanes.add({ row, attempts, isReplay, from: 'redelivery' });
    }
    return due.length > 0;
  }

  /** False: nothing is new, or there is no room for it. */
  async #fetchNew(): Promise<boolean> {
    if (!this.#isHungry) return false;
    const { redeliveries, once, onFenced, consumer, emit } = this.#options;
    const batch = this.#fromNews() ?? (await this.#read());
    if (batch === undefined) {
      onFenced();
      return false;
    }
    if (batch.rows.length === 0) {
      this.#seeNothing(batch.cursor);
    } else {
      const { rows, ids, cursor, last } = batch;
      emit({ type: 'read', consumer: consumer.id, count: rows.length });
      if (!batch.level || once) this.#mayBeNew = true;
      const isReplay = !this.#level;
      this.#progress.add({ ids, cursor, last, isReplay });
      this.#recorder.expect(rows, isReplay);
      await redeliveries.admit(rows, (admitted) => this.#admit(rows, admitted, isReplay));
    }
    if (batch.level) this.#level = true;
    this.#noteLive();
    return batch.rows.length > 0;
  }

  /** What woke us, if that is all that we may have to look for. */
  #fromNews(): Batch | undefined {
    const news = this.#news;
    this.#news = undefined;
    if (news === undefined || this.#mayBeNew) return undefined;
    return this.#options.reader.fromNews(this.#progress.fetchAfter, news);
  }

  /** Undefined: the server has crashed since this consumer was claimed. */
  #read(): Promise<Batch | undefined> {
    const { reader, patience } = this.#options;
    this.#mayBeNew = false;
    return patience.until(() => reader.next(this.#progress.fetchAfter));
  }

  #seeNothing(cursor: Cursor): void {
    const { keeper, isClosing } = this.#options;
    const before = this.#progress.cursor;
    this.#progress.seeNothing(cursor);
    const after = this.#progress.cursor;
    // Others wait until all cursors stand there.
    if (isClosing && after !== before) keeper.advance(after);
    else keeper.moveInMemory(after);
  }

  #admit(rows: readonly LogRow[], admitted: readonly LogRow[], isReplay: boolean): void {
    this.#lanes.addNew(admitted, isReplay);
    if (admitted.length === rows.length) return;
    const inLanes = new Set(admitted);
    for (const row of rows) if (!inLanes.has(row)) this.#recorder.settle(row);
  }

  /** Side by side, many large ones could be taken from what is due; they count until they are done. */
  #hasRoomForDue(): boolean {
    const { limits } = this.#options;
    return (
      this.#lanes.waiting('redelivery') === 0 && this.#lanes.redeliveredBytes * 2 <= limits.bytes
    );
  }

  /** One fetch waits for the handlers while the next is under way: server and handlers work side by side. */
  #hasRoom(): boolean {
    const { limits } = this.#options;
    return (
      this.#lanes.waiting('log') <= limits.rows &&
      this.#recorder.unsettledBytes * 2 <= limits.bytes &&
      this.#progress.uncovered < this.#options.takenUp
    );
  }

  get #isRung(): boolean {
    return this.#mayBeNew || this.#news !== undefined;
  }

  get #isHungry(): boolean {
    return this.#isRung && this.#hasRoom();
  }

  #noteEnd(): void {
    this.#noteLive();
    const { redeliveries, takenUp, attempts } = this.#options;
    if (attempts.mayBePassed && this.#progress.uncovered >= takenUp) this.#recorder.passRunning();
    const hasRoomAgain = this.#waitsForRoom && this.#hasRoomForDue();
    const isDue = redeliveries.msUntilDue === 0;
    if (this.#isHungry || hasRoomAgain || isDue || this.#lanes.isIdle) this.#nudge.wake();
  }

  #noteLive(): void {
    if (this.#level && this.#recorder.unsettledReplays === 0) this.#recorder.goLive();
  }

  #isDone(): boolean {
    const { redeliveries } = this.#options;
    return (
      this.#lanes.isIdle && this.#recorder.isIdle && !this.#isRung && redeliveries.msUntilDue > 0
    );
  }
}
