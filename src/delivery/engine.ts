import { setMaxListeners } from 'node:events';
import type { Logger } from 'pino';
import type { Consumer } from '../consumer/consumer.ts';
import { newLeaseOwner } from '../cursor/lease-owner.ts';
import type { Database } from '../db/database.ts';
import { backoffMs } from '../lifecycle/backoff.ts';
import { pause } from '../lifecycle/pause.ts';
import type { WakeRouter } from '../wake/wake-router.ts';
import type { CallWatch } from './call-watch.ts';
import { ConsumerRunner, type ConsumerRunnerOptions } from './consumer-runner.ts';
import type { DeliveryEventSink } from './events.ts';
import type { DeliverySettings } from './settings.ts';
import { shareAccess } from './shared-access.ts';
import { SteeringWatch } from './steering-watch.ts';

export interface EngineOptions {
  readonly db: Database;
  readonly consumers: readonly Consumer[];
  readonly settings: DeliverySettings;
  readonly router: WakeRouter;
  readonly logger: Logger;
  readonly emit: DeliveryEventSink;
  /** Stands around each call of a handler. Undefined: nobody measures or traces. */
  readonly watch: CallWatch | undefined;
}

const RESTART_PAUSE_MS = 30_000;

/**
 * Runs consumers side by side, each in a loop of its own, until stopped.
 *
 *   running    until stop()
 *   stopping   nothing new is fetched or begun; handlers finish what they do
 *   aborting   from abort(): handlers are told through their AbortSignal, then left behind
 */
export class Engine {
  readonly #options: EngineOptions;
  readonly #stopping = new AbortController();
  readonly #aborting = new AbortController();

  constructor(options: EngineOptions) {
    this.#options = options;
    // Each consumer listens to both for as long as it runs; that is no leak.
    setMaxListeners(0, this.#stopping.signal, this.#aborting.signal);
  }

  /**
   * Resolves when every consumer has stopped; with the setting `once`, when all that was there is
   * handled.
   * @throws with `once`, the first error that stopped a consumer, after the others have ended
   */
  async run(): Promise<void> {
    const { db, settings, consumers, router, logger } = this.#options;
    const owner = newLeaseOwner();
    const shared = shareAccess(db, settings);
    const steering = new SteeringWatch({
      db,
      router,
      onError: (err) => logger.debug({ err }, 'not known whether consumers were steered'),
    });
    const ended = new AbortController();
    const watching = steering.run(AbortSignal.any([this.#stopping.signal, ended.signal]));
    const results = await Promise.allSettled(
      consumers.map((consumer) => this.#keepRunning(consumer, { owner, shared, steering })),
    );
    ended.abort();
    await watching;
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** Fetches no more, lets handlers finish. */
  stop(): void {
    this.#stopping.abort();
  }

  /** Tells handlers that their time is over. */
  abort(): void {
    this.stop();
    this.#aborting.abort();
  }

  /** A fault of ours in one consumer's loop must neither end it for good nor touch the others. */
  async #keepRunning(
    consumer: Consumer,
    common: Pick<ConsumerRunnerOptions, 'owner' | 'shared' | 'steering'>,
  ): Promise<void> {
    const { db, settings, router, emit, watch } = this.#options;
    const logger = this.#options.logger.child({ consumer: consumer.id });
    const stopping = this.#stopping.signal;
    for (let failures = 1; ; failures += 1) {
      try {
        await new ConsumerRunner({
          db,
          consumer,
          settings,
          ...common,
          router,
          stopping,
          aborting: this.#aborting.signal,
          logger,
          emit,
          watch,
        }).run();
        return;
      } catch (error) {
        if (settings.once) throw error;
        logger.error({ err: error }, 'consumer failed, will be restarted');
        await pause(backoffMs(failures, RESTART_PAUSE_MS, Math.random()), stopping);
        if (stopping.aborted) return;
      }
    }
  }
}
