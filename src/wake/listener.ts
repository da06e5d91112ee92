import type { Database } from '../db/database.ts';
import { PgwatchError } from '../errors.ts';
import { backoffMs } from '../lifecycle/backoff.ts';
import { pause } from '../lifecycle/pause.ts';
import { Bystander } from './bystander.ts';
import { Doorkeeper, type DoorkeeperEvent, EVERY_CHANNEL } from './doorkeeper.ts';
import { ListenSession } from './listen-session.ts';
import { WakeProof } from './wake-proof.ts';
import type { WakeRouter } from './wake-router.ts';

export type ListenerEvent =
  | DoorkeeperEvent
  | { readonly type: 'listening' }
  /** Instead of listening; also when it works again after an outage. */
  | { readonly type: 'polling'; readonly pollSeconds: number }
  /** Once per outage, like listen-lost. */
  | { readonly type: 'poll-lost'; readonly error: unknown }
  /** Once per outage; it is tried again for ever. */
  | { readonly type: 'listen-lost'; readonly error: unknown };

export interface ListenerOptions {
  readonly db: Database;
  readonly router: Pick<WakeRouter, 'ring'>;
  /**
   * Only be woken: never be the doorkeeper, on whom all others rely, nor look after it. Default:
   * false.
   */
  readonly bystander?: boolean;
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
  /** Whether a wake is known to arrive; proved once, since what is in between does not change. */
  #proved = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /**
   * Listens until the signal aborts, through any number of lost connections.
   * @throws LISTEN_UNHEARD at the start, when nothing would ever wake anybody
   */
  async run(signal: AbortSignal): Promise<void> {
    const { reconnectDelaySeconds, emit } = this.#options;
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.#listen(signal, () => {
          failures = 0;
        });
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof PgwatchError && error.code === 'LISTEN_UNHEARD') throw error;
        failures += 1;
        if (failures === 1) emit({ type: 'listen-lost', error });
        await pause(backoffMs(failures, reconnectDelaySeconds * 1000, Math.random()), signal);
      }
    }
  }

  /** One session, from its beginning to its end. @throws when it breaks */
  async #listen(signal: AbortSignal, onListening: () => void): Promise<void> {
    const { db, router, emit, bystander = false } = this.#options;
    const proof = new WakeProof();
    let doorkeeper: Doorkeeper | Bystander | undefined;
    let ownPid = 0;
    const onNotification = (payload: string, senderPid: number) => {
      if (WakeProof.isProof(payload)) {
        proof.hear(payload);
        return;
      }
      if (senderPid === ownPid) return; // our own consumers were rung directly
      router.ring(payload === EVERY_CHANNEL ? 'all' : [payload]);
      doorkeeper?.hear(payload);
    };
    const session = await ListenSession.open(db.sessionServers, db.names, signal, onNotification);
    const over = AbortSignal.any([signal, session.ended]);
    try {
      // Before anything else: a pooler would leave locks and settings behind in others' sessions.
      if (!this.#proved) await proof.demand(db, () => session.ping(), over);
      this.#proved = true;
      await session.commitAsynchronously();
      ownPid = await session.backendPid();
      doorkeeper = bystander
        ? new Bystander(session, db.names, router)
        : new Doorkeeper(session, db.names, router, emit);
      onListening();
      emit({ type: 'listening' });
      await doorkeeper.run(over);
      if (!signal.aborted) throw session.ended.reason;
    } finally {
      session.close();
    }
  }
}
