import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Pool } from 'pg';
import { closeWindow, settleUpTo } from '../cursor/cursor.ts';
import type { CursorKeeper } from '../cursor/cursor-keeper.ts';
import type { Names } from '../db/names.ts';
import type { FetchLimits } from '../log/fetch-fresh.ts';
import type { LogRow } from '../log/log-row.ts';
import { Notification } from '../log/notification.ts';
import { type Batch, nextBatch } from '../log/window-reader.ts';
import type { PendingWake } from '../wake/pending-wake.ts';
import type { DeliveryEventSink } from './events.ts';
import { type Execution, execute } from './execute.ts';
import { type Outcome, UNREADABLE } from './outcome.ts';
import type { Patience } from './patience.ts';
import type { Parked, Redeliveries } from './redeliveries.ts';

export interface ConsumerLoopOptions {
  readonly pool: Pool;
  readonly names: Names;
  readonly execution: Execution;
  readonly limits: FetchLimits;
  readonly keeper: CursorKeeper;
  readonly redeliveries: Redeliveries;
  readonly wake: PendingWake;
  /** A fetch without having been woken: a safety net. Milliseconds. */
  readonly fallbackMs: number;
  /** Return as soon as there is nothing to do. */
  readonly once: boolean;
  /** Aborted: fetch no more, begin no further notification. */
  readonly stopping: AbortSignal;
  readonly patience: Patience;
  readonly emit: DeliveryEventSink;
}

/** Handlers that never wait would keep timers, signals and sockets waiting; they get a turn. */
const TURN_MS = 20;

/**
 * After so long of redeliveries, what is new gets its turn: many that fail slowly must not hold up
 * other keys, and a crash must not repeat more than this.
 */
const REDELIVERY_TURN_MS = 100;

/**
 * Runs one consumer while its lease is held: wait, fetch, dispatch, advance.
 *
 *   playing back  from the start until a fetch finds that all that is new fits in one batch:
 *                 notifications are replays.
 *   live          from then on.
 */
export class ConsumerLoop {
  readonly #options: ConsumerLoopOptions;
  #fetchedLevel = false;
  #live = false;
  #replayed = 0;
  #turnAt = performance.now();

  constructor(options: ConsumerLoopOptions) {
    this.#options = options;
  }

  /** Returns when stopped, or with `once`, when nothing is left to do. */
  async run(): Promise<void> {
    const { wake, stopping, redeliveries, fallbackMs, once } = this.#options;
    while (!stopping.aborted) {
      const redelivered = await this.#redeliver();
      const delivered = await this.#deliver();
      if (redelivered || delivered) continue;
      if (once) return;
      const end = await wake.wait(Math.min(fallbackMs, redeliveries.msUntilDue), stopping);
      if (end === 'timeout') await redeliveries.lookAgain();
    }
  }

  /** Fetches and dispatches what comes next after the cursor. False: nothing is new. */
  async #deliver(): Promise<boolean> {
    const { pool, names, keeper, execution, limits, patience } = this.#options;
    const batch = await patience.until(() =>
      nextBatch(pool, names, keeper.cursor, execution.consumer.channels, limits),
    );
    this.#noteLevel(batch);
    if (batch.rows.length === 0) {
      keeper.moveInMemory(batch.cursor);
      return false;
    }
    await this.#dispatch(batch);
    return true;
  }

  async #dispatch(batch: Batch): Promise<void> {
    const { keeper, redeliveries, stopping } = this.#options;
    const parked = await redeliveries.among(batch.rows);
    await this.#parkBehind(batch.rows, parked);
    let cursor = batch.cursor;
    for (const row of batch.rows) {
      await this.#takeTurns();
      if (stopping.aborted) return;
      if (!parked.ids.has(row.id) && !(await this.#handleNew(row, batch.rows, parked))) return;
      cursor = settleUpTo(cursor, row.id);
      keeper.advance(cursor);
    }
    if (batch.last) keeper.advance(closeWindow(cursor));
  }

  /** False: interrupted by a shutdown. */
  async #handleNew(row: LogRow, batch: readonly LogRow[], parked: Parked): Promise<boolean> {
    const isReplay = !this.#live;
    if (isReplay) this.#replayed += 1;
    const settled = await this.#attempt(row, 1, isReplay);
    if (settled === 'retrying' && row.key !== null) {
      parked.keys.add(row.key);
      await this.#parkBehind(
        batch.filter(({ id }) => id > row.id),
        parked,
      );
    }
    return settled !== 'interrupted';
  }

  /** What has the key of a notification that is being retried waits behind it, all else goes on. */
  async #parkBehind(rows: readonly LogRow[], parked: Parked): Promise<void> {
    const behind = rows.filter(
      ({ id, key }) => key !== null && parked.keys.has(key) && !parked.ids.has(id),
    );
    await this.#options.redeliveries.waitBehind(behind);
    for (const { id } of behind) parked.ids.add(id);
  }

  /** Handles again what is due. False: nothing was. */
  async #redeliver(): Promise<boolean> {
    const { redeliveries, stopping } = this.#options;
    const due = await redeliveries.due();
    if (due.length === 0) return false;
    const failedKeys = new Set<string>();
    const handled: LogRow[] = [];
    const until = performance.now() + REDELIVERY_TURN_MS;
    for (const { row, attempts, reason, wasThere } of due) {
      await this.#takeTurns();
      if (stopping.aborted || performance.now() > until) break;
      if (row.key !== null && failedKeys.has(row.key)) continue;
      const settled = await this.#attempt(row, attempts + 1, reason === 'replay' || wasThere);
      if (settled === 'interrupted') break;
      if (settled === 'handled') handled.push(row);
      if (settled === 'retrying' && row.key !== null) failedKeys.add(row.key);
    }
    await redeliveries.resolve(handled);
    await redeliveries.lookAgain();
    return true;
  }

  /** Makes one attempt, and records it unless it succeeded. */
  async #attempt(
    row: LogRow,
    attempts: number,
    isReplay: boolean,
  ): Promise<'handled' | 'retrying' | 'dead' | 'interrupted'> {
    const { execution, redeliveries, emit } = this.#options;
    const consumer = execution.consumer.id;
    const outcome = await this.#execute(row, attempts, isReplay);
    switch (outcome.kind) {
      case 'handled':
        emit({ type: 'handled', consumer, row });
        return 'handled';
      case 'retry': {
        const { delaySeconds, error, thrown } = outcome;
        await redeliveries.retry(row, attempts, delaySeconds, error);
        emit({ type: 'retrying', consumer, row, attempts, delaySeconds, error, thrown });
        return 'retrying';
      }
      case 'dead': {
        const { error, thrown } = outcome;
        await redeliveries.bury(row, attempts, error);
        emit({ type: 'dead-lettered', consumer, row, attempts, error, thrown });
        return 'dead';
      }
      case 'interrupted':
        return 'interrupted';
    }
  }

  async #execute(row: LogRow, attempt: number, isReplay: boolean): Promise<Outcome> {
    if (row.json === null) return UNREADABLE;
    const notification = new Notification({
      notificationLogId: row.id,
      channel: row.channel,
      key: row.key,
      json: row.json,
      timestamp: row.writtenAt,
      isReplay,
      attempt,
    });
    return execute(this.#options.execution, notification);
  }

  /** The first level fetch still is playback: what it found was there before we looked. */
  #noteLevel(batch: Batch): void {
    if (this.#live || !batch.level) return;
    if (this.#fetchedLevel || batch.rows.length === 0) {
      this.#live = true;
      this.#options.redeliveries.passedParked();
      const { emit, execution } = this.#options;
      emit({ type: 'live', consumer: execution.consumer.id, replayed: this.#replayed });
    }
    this.#fetchedLevel = true;
  }

  async #takeTurns(): Promise<void> {
    if (performance.now() - this.#turnAt < TURN_MS) return;
    await nextTurn();
    this.#turnAt = performance.now();
  }
}
