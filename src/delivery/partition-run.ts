import { setMaxListeners } from 'node:events';
import type { Logger } from 'pino';
import { within } from '../abandonable.ts';
import type { Consumer } from '../consumer/consumer.ts';
import { CursorKeeper, type CursorKeeperOptions } from '../cursor/cursor-keeper.ts';
import { type Claim, releaseLease } from '../cursor/cursor-store.ts';
import type { Partition } from '../cursor/partition.ts';
import type { Snapshot } from '../cursor/snapshot.ts';
import type { Database } from '../db/database.ts';
import { type LogReader, separateReader } from '../log/shared-reads.ts';
import type { WakeRouter } from '../wake/wake-router.ts';
import { PlainAttempts } from './attempts.ts';
import type { CallWatch } from './call-watch.ts';
import { ConsumerLoop } from './consumer-loop.ts';
import type { DeliveryEventSink } from './events.ts';
import type { Execution } from './execute.ts';
import { ANSWER_WITHIN_MS, Misses, Patience, StoppedError } from './patience.ts';
import { Redeliveries } from './redelivery/redeliveries.ts';
import { RedeliveryStore } from './redelivery/redelivery-store.ts';
import { WaitingRedeliveries } from './redelivery/waiting-redeliveries.ts';
import type { DeliverySettings } from './settings.ts';
import type { SharedAccess } from './shared-access.ts';
import { CommitUnknownError, TransactionalAttempts } from './transactional-attempts.ts';

export type HeldClaim = Extract<Claim, { kind: 'held' }>;

export interface PartitionRunOptions {
  readonly db: Database;
  readonly consumer: Consumer;
  readonly settings: DeliverySettings;
  readonly router: WakeRouter;
  readonly shared: SharedAccess;
  readonly claim: HeldClaim;
  /** When it was asked for, of performance.now(): the lease counts from then at the earliest. */
  readonly claimedAt: number;
  readonly partition: Partition;
  /** Where to stop reading the log, if anywhere. */
  readonly upTo: Snapshot | undefined;
  /** Begin with what comes now. */
  readonly skipPlayback: boolean;
  /** Aborted: begin nothing more. */
  readonly stopping: AbortSignal;
  /** Aborted: handlers have had their time. */
  readonly aborting: AbortSignal;
  readonly logger: Logger;
  readonly emit: DeliveryEventSink;
  readonly watch: CallWatch | undefined;
}

/** `done`: stopped, or with `once`, everything is handled. */
export type PartitionRunEnd = 'done' | 'fenced';

/**
 * Runs a consumer's loop on one partition while its lease is held, and hands the lease over at the
 * end.
 */
export class PartitionRun {
  readonly #options: PartitionRunOptions;
  readonly #stop = new AbortController();
  readonly #fence = new AbortController();
  #loop: ConsumerLoop | undefined;

  constructor(options: PartitionRunOptions) {
    this.#options = options;
  }

  get isStopping(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Begins nothing more; run() resolves when the handlers have finished. */
  stop(): void {
    this.#stop.abort();
  }

  /** The redeliveries were changed from outside. */
  lookAgain(): void {
    this.#loop?.lookAgain();
  }

  /** @throws with `once`, what stopped it */
  async run(): Promise<PartitionRunEnd> {
    const { db, consumer, settings, router, claim, logger } = this.#options;
    const stopping = AbortSignal.any([this.#options.stopping, this.#stop.signal]);
    const patience = this.#newPatience(stopping);
    const onLeftOver = (err: unknown) =>
      logger.debug({ err }, 'what is handled is not forgotten yet; the next run does that');
    const keeper = this.#newKeeper({
      onLeaseRenewed: () => loop.wake(),
      onStored: () => redeliveries.forgetPassed().catch(onLeftOver),
    });
    const redeliveries = new Redeliveries({
      store: new RedeliveryStore(db.pool, db.names, claim.hold),
      waiting: new WaitingRedeliveries(db.pool, db.names, claim.hold),
      patience,
      limits: { rows: settings.batchSize, bytes: settings.limits.bytes },
      startedAt: claim.now,
      onFenced: this.#onFenced,
    });
    const reader = this.#openReader();
    const loop = this.#newLoop(stopping, patience, keeper, redeliveries, reader);
    this.#loop = loop;
    router.add(loop, consumer.channels);
    try {
      await redeliveries.open();
      await loop.run();
    } catch (error) {
      if (error instanceof CommitUnknownError && !settings.once) {
        this.#emit({ type: 'commit-unknown', consumer: consumer.id, error });
        return 'fenced';
      }
      if (!(error instanceof StoppedError)) throw error;
    } finally {
      router.remove(loop);
      reader.close();
      await this.#handOver(keeper, redeliveries);
    }
    return this.#fence.signal.aborted ? 'fenced' : 'done';
  }

  #newPatience(stopping: AbortSignal): Patience {
    const { consumer, settings } = this.#options;
    return new Patience({
      longestPauseMs: settings.reconnectDelaySeconds * 1000,
      stopping,
      failFast: settings.once,
      onLost: (error) => this.#emit({ type: 'database-lost', consumer: consumer.id, error }),
      onBack: () => this.#emit({ type: 'database-back', consumer: consumer.id }),
    });
  }

  #newKeeper(on: Pick<CursorKeeperOptions, 'onLeaseRenewed' | 'onStored'>): CursorKeeper {
    const { shared, consumer, claim, claimedAt, skipPlayback, logger } = this.#options;
    const { hold, cursor, now } = claim;
    const { leaseSeconds } = hold;
    const use = { consumer: consumer.id, operation: 'store-cursor' } as const;
    const misses = new Misses({
      onLost: (error) => this.#emit({ type: 'database-lost', ...use, error }),
      onBack: () => this.#emit({ type: 'database-back', ...use }),
    });
    const keeper = new CursorKeeper({
      cursor: skipPlayback ? { seen: now, window: undefined } : cursor,
      write: (moved) => misses.of(() => shared.writes.write(hold, moved)),
      renewEveryMs: (leaseSeconds * 1000) / 3,
      leaseMs: leaseSeconds * 1000,
      heldSince: claimedAt,
      ...on,
      onFenced: this.#onFenced,
      onWriteError: (error) => logger.debug({ err: error }, 'cursor not stored, will try again'),
    });
    if (skipPlayback) {
      keeper.advance(keeper.cursor);
      this.#emit({ type: 'skipped-playback', consumer: consumer.id });
    }
    return keeper;
  }

  #openReader(): LogReader {
    const { db, consumer, settings, shared, claim, partition, upTo } = this.#options;
    const interest = { channels: consumer.channels, partition, life: claim.hold.life };
    if (upTo === undefined) return shared.reads.open(interest);
    return separateReader(db.pool, db.names, { interest, limits: settings.limits, upTo });
  }

  #newLoop(
    stopping: AbortSignal,
    patience: Patience,
    keeper: CursorKeeper,
    redeliveries: Redeliveries,
    reader: LogReader,
  ): ConsumerLoop {
    const { db, consumer, settings, claim, upTo, aborting, logger, watch } = this.#options;
    const { batchSize, limits, fallbackSeconds, once } = settings;
    // Whoever has taken over handles it again; what we still do of it is of no use.
    const signal = AbortSignal.any([aborting, this.#fence.signal]);
    // Each running handler listens to it, or several times; that is no leak.
    setMaxListeners(0, signal);
    const execution: Execution = {
      consumer,
      policy: { ...settings.retry, ...consumer.retry },
      timeLimitSeconds: consumer.handlerTimeoutSeconds ?? settings.handlerTimeoutSeconds,
      context: { signal, logger, consumer },
      watch,
    };
    return new ConsumerLoop({
      consumer,
      attempts: consumer.transactional
        ? new TransactionalAttempts({
            db,
            execution,
            hold: claim.hold,
            keeper,
            redeliveries,
            patience,
            onFenced: this.#onFenced,
          })
        : new PlainAttempts(execution),
      takenUp: batchSize,
      lanes: {
        concurrency: consumer.concurrency,
        batchSize: consumer.handleBatch === undefined ? 1 : consumer.batchSize,
      },
      reader,
      limits,
      isClosing: upTo !== undefined,
      keeper,
      redeliveries,
      fallbackMs: fallbackSeconds * 1000,
      once,
      stopping: AbortSignal.any([stopping, this.#fence.signal]),
      patience,
      onFenced: this.#onFenced,
      emit: this.#emit,
    });
  }

  readonly #onFenced = (): void => {
    if (this.#fence.signal.aborted) return;
    this.#fence.abort();
    this.#emit({ type: 'fenced', consumer: this.#options.consumer.id });
  };

  /** Says of which partition it is, where there are several. */
  readonly #emit: DeliveryEventSink = (event) => {
    const { partition, emit } = this.#options;
    emit(partition.of === 1 ? event : { ...event, partition: partition.number });
  };

  /** What fails here, or is not answered, only costs repeats and time. */
  async #handOver(keeper: CursorKeeper, redeliveries: Redeliveries): Promise<void> {
    const storing = this.#storeAndRelease(keeper, redeliveries);
    await within(storing, ANSWER_WITHIN_MS).catch((error: unknown) => {
      this.#options.logger.warn(
        { err: error },
        'the cursor could not be stored at the end; what was handled since may be repeated',
      );
    });
  }

  async #storeAndRelease(keeper: CursorKeeper, redeliveries: Redeliveries): Promise<void> {
    const { db, consumer, claim } = this.#options;
    await keeper.close();
    if (keeper.fenced) return;
    await redeliveries.forgetPassed();
    await releaseLease(db, claim.hold);
    this.#emit({ type: 'released', consumer: consumer.id });
  }
}
