import { randomUUID } from 'node:crypto';
import type { Database } from '../db/database.ts';
import { ServerClient } from '../db/server-client.ts';
import { PgwatchError } from '../errors.ts';
import { redactUrl } from '../redact.ts';
import { PendingWake } from './pending-wake.ts';

/** A NOTIFY takes milliseconds. */
const HEAR_WITHIN_MS = 5_000;
const QUERY_TIMEOUT_MS = 10_000;
/** Longer than any channel's name, so that nobody takes it for a ring. */
const MARK = 'pgwatch asks itself whether the wakes of this database arrive: ';

/**
 * Proves that a NOTIFY which is sent on the pool's side is heard by the LISTEN session. A pooler in
 * transaction mode accepts LISTEN and never delivers anything, and two URLs may name two databases:
 * both would look well, and leave all consumers asleep.
 */
export class WakeProof {
  readonly #token = `${MARK}${randomUUID()}`;
  readonly #heard = new PendingWake();

  static isProof(payload: string): boolean {
    return payload.startsWith(MARK);
  }

  /** To be called with what the session hears. */
  hear(payload: string): void {
    if (payload === this.#token) this.#heard.wake();
  }

  /**
   * @param ping answers when the session lives: asked last, for through a pooler it may change what
   *   the session hears
   * @param signal aborted when there is no point in waiting, as when the session has ended
   * @throws LISTEN_UNHEARD, or the signal's reason
   */
  async demand(db: Database, ping: () => Promise<void>, signal: AbortSignal): Promise<void> {
    // On a connection of its own: those of the pool may all be in use for a long time.
    const client = new ServerClient({ servers: db.servers, silenceMs: QUERY_TIMEOUT_MS });
    const leave = () => client.leave();
    signal.addEventListener('abort', leave);
    try {
      await client.open();
      await client.query('select pg_notify($1, $2)', [db.names.schema, this.#token]);
    } finally {
      signal.removeEventListener('abort', leave);
      leave();
    }
    const end = await this.#heard.wait(HEAR_WITHIN_MS, signal);
    signal.throwIfAborted();
    if (end !== 'timeout') return;
    await ping();
    throw unheard(db);
  }
}

function unheard({ url, listenUrl }: Database): PgwatchError {
  const own = listenUrl !== undefined;
  return new PgwatchError('LISTEN_UNHEARD', {
    what: `What is notified through ${redactUrl(url)} is not heard by LISTEN through ${own ? redactUrl(listenUrl) : 'the same'}.`,
    why: own
      ? 'They lead to different databases, or LISTEN goes through a pooler in transaction mode, which never delivers anything.'
      : 'It seems to be a pooler in transaction mode: it accepts LISTEN and never delivers anything.',
    hint: own
      ? 'Let listenUrl name the same database as the database URL, directly or through a pooler in session mode.'
      : "Set listenUrl (PGWATCH_LISTEN_URL, --listen-url) to a direct connection to the same database; or, where there is none, wake: 'poll'.",
  });
}
