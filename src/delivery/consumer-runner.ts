import type { Logger } from 'pino';
import type { Consumer } from '../consumer/consumer.ts';
import type { RetryPolicy } from '../consumer/retry-policy.ts';
import { CursorKeeper } from '../cursor/cursor-keeper.ts';
import { type Claim, claimCursor, releaseLease, writeCursor } from '../cursor/cursor-store.ts';
import type { LeaseOwner } from '../cursor/lease-owner.ts';
import { registerConsumer } from '../cursor/registration.ts';
import type { Database } from '../db/database.ts';
import { pause } from '../lifecycle/pause.ts';
import type { FetchLimits } from '../log/fetch-fresh.ts';
import type { WakeRouter } from '../wake/wake-router.ts';
import { PlainAttempts } from './attempts.ts';
import { ConsumerLoop } from './consumer-loop.ts';
import type { DeliveryEventSink } from './events.ts';
import type { Execution } from './execute.ts';
import { Misses, Patience, StoppedError } from './patience.ts';
import { Redeliveries } from './redeliveries.ts';
import { RedeliveryStore } from './redelivery-store.ts';
import { CommitUnknownError, TransactionalAttempts } from './transactional-attempts.ts';

export interface DeliverySettings {
  readonly limits: FetchLimits;
  readonly retry: RetryPolicy;
  readonly handlerTimeoutSeconds: number | undefined;
  readonly fallbackSeconds: number;
  readonly leaseSeconds: number;
  readonly reconnectDelaySeconds: number;
  readonly skipPlayback: boolean;
  readonly once: boolean;
}

export interface ConsumerRunnerOptions {
  readonly db: Database;
  readonly consumer: Consumer;
  readonly settings: DeliverySettings;
  readonly owner: LeaseOwner;
  readonly router: WakeRouter;
  /** Aborted: begin nothing more. */
  readonly stopping: AbortSignal;
  /** Aborted: handlers have had their time. */
  readonly aborting: AbortSignal;
  readonly logger: Logger;
  readonly emit: DeliveryEventSink;
}

type Held = Extract<Claim, { kind: 'held' }>;

/** Another process may give its lease back at any moment; asking is a row lock and a read. */
const LEASE_POLL_MS = 500;

/** Registers a consumer, waits for its lease, runs its loop, hands the lease over. */
export class ConsumerRunner {
  readonly #options: ConsumerRunnerOptions;
  readonly #patience: Patience;
  /** Only what was missed before this process began is skipped, never what a take-over finds. */
  #mayStillSkip: boolean;

  constructor(options: ConsumerRunnerOptions) {
    this.#options = options;
    const { consumer, settings, stopping, emit } = options;
    this.#mayStillSkip = settings.skipPlayback;
    this.#patience = new Patience({
      longestPauseMs: settings.reconnectDelaySeconds * 1000,
      stopping,
      failFast: settings.once,
      onLost: (error) => emit({ type: 'database-lost', consumer: consumer.id, error }),
      onBack: () => emit({ type: 'database-back', consumer: consumer.id }),
    });
  }

  /** Returns when stopped; with `once`, when everything that was there is handled. */
  async run(): Promise<void> {
    const { stopping } = this.#options;
    try {
      const consumerId = await this.#register();
      for (let claim = await this.#claim(consumerId); claim !== undefined; ) {
        const ended = await this.#runUnderLease(claim);
        if (ended === 'done' || stopping.aborted) return;
        claim = await this.#claim(consumerId);
      }
    } catch (error) {
      if (!(error instanceof StoppedError)) throw error;
    }
  }

  async #register(): Promise<number> {
    const { db, consumer, emit } = this.#options;
    const { consumerId, isNew } = await this.#patience.until(() => registerConsumer(db, consumer));
    if (isNew) emit({ type: 'registered', consumer: consumer.id });
    return consumerId;
  }

  /** Waits until the lease is ours. Undefined: stopped, or with `once`, another process runs it. */
  async #claim(consumerId: number): Promise<Held | undefined> {
    const { db, consumer, owner, settings, stopping, emit } = this.#options;
    for (let said = false; !stopping.aborted; ) {
      const claim = await this.#patience.until(() =>
        claimCursor(db, consumerId, consumer.channels, owner, settings.leaseSeconds),
      );
      if (claim.kind === 'held') {
        const { hold, channels } = claim;
        emit({ type: 'claimed', consumer: consumer.id, epoch: hold.epoch, ...channels });
        return claim;
      }
      this.#mayStillSkip = false;
      if (!said) emit({ type: 'waiting-for-lease', consumer: consumer.id, ...claim });
      said = true;
      if (settings.once) return undefined;
      await pause(LEASE_POLL_MS, stopping);
    }
    return undefined;
  }

  async #runUnderLease({ hold, cursor, now }: Held): Promise<'done' | 'fenced'> {
    const { db, consumer, settings, router, stopping, aborting, logger, emit } = this.#options;
    const fence = new AbortController();
    const onFenced = () => {
      if (fence.signal.aborted) return;
      fence.abort();
      emit({ type: 'fenced', consumer: consumer.id });
    };
    const skip = this.#mayStillSkip;
    this.#mayStillSkip = false;
    const use = { consumer: consumer.id, operation: 'store-cursor' } as const;
    const misses = new Misses({
      onLost: (error) => emit({ type: 'database-lost', ...use, error }),
      onBack: () => emit({ type: 'database-back', ...use }),
    });
    const keeper = new CursorKeeper({
      cursor: skip ? { seen: now, window: undefined } : cursor,
      write: (moved) =>
        misses.of(() => writeCursor(db.pool, db.names, hold, moved, settings.leaseSeconds)),
      renewEveryMs: (settings.leaseSeconds * 1000) / 3,
      leaseMs: settings.leaseSeconds * 1000,
      onLeaseRenewed: () => loop.wake(),
      onFenced,
      onWriteError: (error) => logger.debug({ err: error }, 'cursor not stored, will try again'),
    });
    if (skip) {
      keeper.advance(keeper.cursor);
      emit({ type: 'skipped-playback', consumer: consumer.id });
    }
    const redeliveries = new Redeliveries({
      store: new RedeliveryStore(db.pool, db.names, hold),
      patience: this.#patience,
      limits: settings.limits,
      startedAt: now,
      onFenced,
    });
    const execution: Execution = {
      consumer,
      policy: { ...settings.retry, ...consumer.retry },
      timeLimitSeconds: consumer.handlerTimeoutSeconds ?? settings.handlerTimeoutSeconds,
      // Whoever has taken over handles it again; what we still do of it is of no use.
      context: { signal: AbortSignal.any([aborting, fence.signal]), logger, consumer },
    };
    const { leaseSeconds } = settings;
    const patience = this.#patience;
    const loop = new ConsumerLoop({
      pool: db.pool,
      names: db.names,
      consumer,
      attempts: consumer.transactional
        ? new TransactionalAttempts({
            db,
            execution,
            hold,
            leaseSeconds,
            keeper,
            redeliveries,
            patience,
            onFenced,
          })
        : new PlainAttempts(execution),
      lanes: {
        concurrency: consumer.concurrency,
        batchSize: consumer.handleBatch === undefined ? 1 : consumer.batchSize,
      },
      limits: settings.limits,
      keeper,
      redeliveries,
      fallbackMs: settings.fallbackSeconds * 1000,
      once: settings.once,
      stopping: AbortSignal.any([stopping, fence.signal]),
      patience,
      emit,
    });
    router.add(loop, consumer.channels);
    try {
      await redeliveries.open();
      await loop.run();
    } catch (error) {
      if (!(error instanceof CommitUnknownError) || settings.once) throw error;
      emit({ type: 'commit-unknown', consumer: consumer.id, error });
      return 'fenced';
    } finally {
      router.remove(loop);
      await this.#handOver(keeper, () => releaseLease(db, hold));
    }
    return fence.signal.aborted ? 'fenced' : 'done';
  }

  /** Stores the cursor and gives the lease back. What fails here only costs repeats and time. */
  async #handOver(keeper: CursorKeeper, release: () => Promise<void>): Promise<void> {
    const { consumer, logger, emit } = this.#options;
    try {
      await keeper.close();
      if (keeper.fenced) return;
      await release();
      emit({ type: 'released', consumer: consumer.id });
    } catch (error) {
      logger.warn(
        { err: error },
        'the cursor could not be stored at the end; what was handled since may be repeated',
      );
    }
  }
}
