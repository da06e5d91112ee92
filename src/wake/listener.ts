import type { Names } from '../db/names.ts';
import type { Servers } from '../db/servers.ts';
import { backoffMs } from '../lifecycle/backoff.ts';
import { pause } from '../lifecycle/pause.ts';
import { Doorkeeper, type DoorkeeperEvent, EVERY_CHANNEL } from './doorkeeper.ts';
import { ListenSession } from './listen-session.ts';
import type { WakeRouter } from './wake-router.ts';

export type ListenerEvent =
  | DoorkeeperEvent
  | { readonly type: 'listening' }
  /** Once per outage; it is tried again for ever. */
  | { readonly type: 'listen-lost'; readonly error: unknown };

export interface ListenerOptions {
  readonly servers: Servers;
  readonly names: Names;
  readonly router: WakeRouter;
  /** The longest pause between two attempts to connect. */
  readonly reconnectDelaySeconds: number;
  readonly emit: (event: ListenerEvent) => void;
}

/**
 * Wakes consumers when something is rung for them. Carries no data and may ring too often; what it
 * must never do is stay silent, so whenever its session is new, everybody looks for themselves.
 */
export class Listener {
  readonly #options: ListenerOptions;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** Listens until the signal aborts, through any number of lost connections. */
  async run(signal: AbortSignal): Promise<void> {
    const { reconnectDelaySeconds, emit } = this.#options;
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.#listen(signal, () => {
          failures = 0;
        });
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        if (failures === 1) emit({ type: 'listen-lost', error });
        await pause(backoffMs(failures, reconnectDelaySeconds * 1000, Math.random()), signal);
      }
    }
  }

  /** One session, from its beginning to its end. @throws when it breaks */
  async #listen(signal: AbortSignal, onListening: () => void): Promise<void> {
    const { servers, names, router, emit } = this.#options;
    let doorkeeper: Doorkeeper | undefined;
    let ownPid = 0;
    const session = await ListenSession.open(servers, names, signal, (payload, senderPid) => {
      if (senderPid === ownPid) return; // our own consumers were rung directly
      router.ring(payload === EVERY_CHANNEL ? 'all' : [payload]);
      doorkeeper?.hear(payload);
    });
    try {
      ownPid = await session.backendPid();
      doorkeeper = new Doorkeeper(session, names, router, emit);
      onListening();
      emit({ type: 'listening' });
      await doorkeeper.run(AbortSignal.any([signal, session.ended]));
      if (!signal.aborted) throw session.ended.reason;
    } finally {
      session.close();
    }
  }
}
