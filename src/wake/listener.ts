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
  /** The doorbell: another process or a writer has rung. */
  | { readonly type: 'rung'; readonly by: 'another' }
  /** Instead of listening; also when it works again after an outage. */
  | { readonly type: 'polling'; readonly pollSeconds: number }
  /** Once per outage, like listen-lost. */
  | { readonly type: 'poll-lost'; readonly error: unknown }
  /** Once per outage; it is tried again for ever. */
  | { readonly type: 'listen-lost'; readonly error: unknown }
  /** Once per outage, after listen-lost: a session stands again, and hears nothing of what is notified. */
  | { readonly type: 'listen-unheard'; readonly error: unknown };

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

/** A session looks every few seconds, and all that it asks is answered or given up in 10 s. */
const LONGEST_SILENCE_MS = 60_000;

/**
 * Wakes consumers when something is rung for them. It may ring too often; what it
 * must never do is stay silent, so whenever its session is new, everybody looks for themselves.
 */
export class Listener {
  readonly #options: ListenerOptions;
  #doorkeeper: Doorkeeper | Bystander | undefined;
  #triedAt = performance.now();
  /** Whether any session was found to hear what is notified. */
  #hasHeard = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /**
   * Listens until the signal aborts, through any number of lost connections. A session counts when it
   * has proved that it hears: after a failover, two URLs may lead to two servers for a while.
   * @throws LISTEN_UNHEARD when none has ever heard anything, so nothing would ever wake anybody
   */
  async run(signal: AbortSignal): Promise<void> {
    const { reconnectDelaySeconds, emit } = this.#options;
    let isToldUnheard = false;
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.#listen(signal, () => {
          failures = 0;
          isToldUnheard = false;
        });
      } catch (error) {
        if (signal.aborted) return;
        if (!this.#hasHeard && isUnheard(error)) throw error;
        failures += 1;
        if (failures === 1) emit({ type: 'listen-lost', error });
        // Nobody would guess it from what ended the session before.
        if (isUnheard(error) && !isToldUnheard) emit({ type: 'listen-unheard', error });
        isToldUnheard ||= isUnheard(error);
        await pause(backoffMs(failures, reconnectDelaySeconds * 1000, Math.random()), signal);
      }
    }
  }

  /** It looks at its session, or goes on trying to have one. */
  get isAlive(): boolean {
    const seenAt = Math.max(this.#triedAt, this.#doorkeeper?.lookedAt ?? 0);
    const { reconnectDelaySeconds } = this.#options;
    return performance.now() - seenAt < LONGEST_SILENCE_MS + reconnectDelaySeconds * 1000;
  }

  /** One session, from its beginning to its end. @throws when it breaks */
  async #listen(signal: AbortSignal, onListening: () => void): Promise<void> {
    const { db, router, emit, bystander = false } = this.#options;
    const proof = new WakeProof();
    this.#triedAt = performance.now();
    let ownPid = 0;
    const onNotification = (payload: string, senderPid: number) => {
      if (WakeProof.isProof(payload)) {
        proof.hear(payload);
        return;
      }
      if (senderPid === ownPid) return; // our own consumers were rung directly
      router.ring(payload === EVERY_CHANNEL ? 'all' : [payload]);
      this.#doorkeeper?.hear(payload);
      emit({ type: 'rung', by: 'another' });
    };
    const session = await ListenSession.open(db.sessionServers, db.names, signal, onNotification);
    const over = AbortSignal.any([signal, session.ended]);
    try {
      this.#triedAt = performance.now();
      // Before anything else: a pooler would leave locks and settings behind in others' sessions.
      await proof.demand(db, () => session.ping(), over);
      this.#hasHeard = true;
      await session.commitAsynchronously();
      ownPid = await session.backendPid();
      const doorkeeper = bystander
        ? new Bystander(session, db.names, router)
        : new Doorkeeper(session, db.names, router, emit);
      this.#doorkeeper = doorkeeper;
      onListening();
      emit({ type: 'listening' });
      await doorkeeper.run(over);
      if (!signal.aborted) throw session.ended.reason;
    } finally {
      this.#doorkeeper = undefined;
      session.close();
    }
  }
}

function isUnheard(error: unknown): boolean {
  return error instanceof PgwatchError && error.code === 'LISTEN_UNHEARD';
}
