import type { Names } from '../db/names.ts';
import { pause } from '../lifecycle/pause.ts';
import { EVERY_CHANNEL } from './doorkeeper.ts';
import type { ListenSession } from './listen-session.ts';
import type { WakeRouter } from './wake-router.ts';

const PING_EVERY_MS = 1_000;

/**
 * A process that wants to be woken and does nothing for the others: somebody who watches must be
 * free to be stopped (Ctrl-Z) without anybody waiting for it. While no daemon runs, writers ring
 * nobody: it has to look for itself, too.
 */
export class Bystander {
  readonly #session: Pick<ListenSession, 'lockShared' | 'notify' | 'ping'>;
  readonly #names: Names;
  readonly #router: Pick<WakeRouter, 'ring'>;
  #lookedAt = performance.now();

  constructor(
    session: Pick<ListenSession, 'lockShared' | 'notify' | 'ping'>,
    names: Names,
    router: Pick<WakeRouter, 'ring'>,
  ) {
    this.#session = session;
    this.#names = names;
    this.#router = router;
  }

  /** When it last had an answer of its session, of performance.now(). */
  get lookedAt(): number {
    return this.#lookedAt;
  }

  /** It has nobody to tell. */
  hear(): void {}

  /** Runs until the signal aborts. @throws when the session breaks */
  async run(signal: AbortSignal): Promise<void> {
    // A doorkeeper rings only while it knows of others.
    await this.#session.lockShared(this.#names.presenceLock);
    await this.#session.notify([EVERY_CHANNEL]);
    this.#router.ring('all');
    while (!signal.aborted) {
      await pause(PING_EVERY_MS, signal);
      if (signal.aborted) return;
      await this.#session.ping();
      this.#lookedAt = performance.now();
    }
  }
}
