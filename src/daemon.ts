import type { Logger } from 'pino';
import type { ResolvedConfig } from './config/resolved-config.ts';
import type { Consumer } from './consumer/consumer.ts';
import type { Database } from './db/database.ts';
import type { CallWatch } from './delivery/call-watch.ts';
import { Engine } from './delivery/engine.ts';
import type { DeliveryEventSink } from './delivery/events.ts';
import type { DeliverySettings } from './delivery/settings.ts';
import { Listener, type ListenerEvent } from './wake/listener.ts';
import { Poller } from './wake/poller.ts';
import { WakeRouter } from './wake/wake-router.ts';

export interface DaemonOptions {
  readonly db: Database;
  readonly config: ResolvedConfig;
  readonly consumers: readonly Consumer[];
  readonly logger: Logger;
  readonly onDelivery: DeliveryEventSink;
  /** Undefined: nothing is listened for; it handles everything that is there, then ends. */
  readonly onListener: ((event: ListenerEvent) => void) | undefined;
  /** Stands around each call of a handler, to measure or trace it. Default: nobody does. */
  readonly watch?: CallWatch | undefined;
}

/** What `pgwatch listen` runs: a listener (or poller) that wakes, and an engine whose consumers are woken. */
export class Daemon {
  readonly #engine: Engine;
  readonly #listener: Listener | Poller | undefined;
  readonly #listening = new AbortController();

  constructor(options: DaemonOptions) {
    const { db, config, consumers, logger, onDelivery, onListener, watch } = options;
    const router = new WakeRouter();
    const once = onListener === undefined;
    this.#engine = new Engine({
      db,
      consumers,
      settings: deliverySettings(config, once),
      router,
      logger,
      emit: onDelivery,
      watch,
    });
    this.#listener = once ? undefined : wakerOf({ db, config, router, emit: onListener });
  }

  /** Whether what wakes the consumers goes round; also while the server is away and it tries on. */
  get isAlive(): boolean {
    return this.#listener?.isAlive ?? true;
  }

  /** Runs until stopped; with `once`, until everything that was there is handled. */
  async run(): Promise<void> {
    const listening = this.#listener?.run(this.#listening.signal);
    // It repairs everything but our own faults; after one of those nobody would be woken.
    listening?.catch(() => this.#engine.stop());
    try {
      await this.#engine.run();
    } finally {
      // Last: while handlers finish, this process may still be the one that wakes the others.
      this.#listening.abort();
      await listening;
    }
  }

  /** Begins nothing more; run() resolves when the handlers have finished. */
  stop(): void {
    this.#engine.stop();
  }

  /** Ends the handlers' time; run() resolves within about a second. */
  abort(): void {
    this.#engine.abort();
  }
}

interface WakerOptions extends Pick<DaemonOptions, 'db' | 'config'> {
  readonly router: WakeRouter;
  readonly emit: (event: ListenerEvent) => void;
}

function wakerOf({ config, ...options }: WakerOptions): Listener | Poller {
  const { reconnectDelaySeconds, pollSeconds } = config;
  switch (config.wake) {
    case 'listen':
      return new Listener({ ...options, reconnectDelaySeconds });
    case 'poll':
      return new Poller({ ...options, reconnectDelaySeconds, pollSeconds });
  }
}

/** Of the configured time. Whoever takes over has to claim, fetch and begin in the rest of it. */
const LEASE_SHARE = 0.9;

/**
 * Ten batches for each trip to the server, up to the thousand rows from where on larger fetches gain
 * nothing (docs/performance.md).
 */
function fetchRows(batchSize: number): number {
  return Math.max(batchSize, Math.min(batchSize * 10, 1_000));
}

function deliverySettings(config: ResolvedConfig, once: boolean): DeliverySettings {
  return {
    batchSize: config.maxBatchSize,
    limits: { rows: fetchRows(config.maxBatchSize), bytes: config.maxBatchBytes },
    retry: config.retry,
    handlerTimeoutSeconds: config.handlerTimeoutSeconds,
    fallbackSeconds: config.timeoutSeconds,
    leaseSeconds: config.leaseSeconds * LEASE_SHARE,
    reconnectDelaySeconds: config.reconnectDelaySeconds,
    skipPlayback: config.skipPlayback,
    once,
  };
}
