import { BEFORE_EVERYTHING } from '../cursor/snapshot.ts';
import type { Database } from '../db/database.ts';
import { backoffMs } from '../lifecycle/backoff.ts';
import { pause } from '../lifecycle/pause.ts';
import type { ListenerEvent } from './listener.ts';
import { probe } from './probe.ts';
import type { WakeRouter } from './wake-router.ts';

export interface PollerOptions {
  readonly db: Database;
  readonly router: WakeRouter;
  readonly pollSeconds: number;
  /** The longest pause between two attempts while the server is away. */
  readonly reconnectDelaySeconds: number;
  readonly emit: (event: ListenerEvent) => void;
}

/** What a look takes at the most, from one host or several. */
const LONGEST_SILENCE_MS = 60_000;

/**
 * Wakes consumers without LISTEN: looks at an interval whether rows became visible, once for all
 * consumers of this process. Holds no lock and no session, so it works through every pooler; nobody
 * holds the doorbell then, and writers ring nobody.
 */
export class Poller {
  readonly #options: PollerOptions;
  #lookedAt = performance.now();

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  /** It looks, or goes on trying to. */
  get isAlive(): boolean {
    const { pollSeconds, reconnectDelaySeconds } = this.#options;
    const pauseMs = (pollSeconds + reconnectDelaySeconds) * 1000;
    return performance.now() - this.#lookedAt < LONGEST_SILENCE_MS + pauseMs;
  }

  /** Looks until the signal aborts, through any number of lost connections. */
  async run(signal: AbortSignal): Promise<void> {
    const { db, router, pollSeconds, reconnectDelaySeconds, emit } = this.#options;
    let seen = BEFORE_EVERYTHING;
    for (let failures = 0; !signal.aborted; ) {
      this.#lookedAt = performance.now();
      try {
        const { snapshot, ring } = await probe(db.pool, db.names, seen);
        if (seen === BEFORE_EVERYTHING) {
          // At the start and after an outage nobody knows what was missed.
          router.ring('all');
          emit({ type: 'polling', pollSeconds });
        } else {
          router.ring(ring);
        }
        seen = snapshot;
        failures = 0;
        await pause(pollSeconds * 1000, signal);
      } catch (error) {
        if (signal.aborted) return;
        // A server that crashed may give out its last transaction ids again.
        seen = BEFORE_EVERYTHING;
        failures += 1;
        if (failures === 1) emit({ type: 'poll-lost', error });
        await pause(backoffMs(failures, reconnectDelaySeconds * 1000, Math.random()), signal);
      }
    }
  }
}
