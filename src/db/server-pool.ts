import pg from 'pg';
import { NotInTimeError, within } from '../abandonable.ts';
import { type ClientOptions, ServerClient } from './server-client.ts';

export interface PoolOptions extends ClientOptions {
  /** Connections at the most. */
  readonly max: number;
  /** Told when an idle connection breaks; the pool replaces it on its own. */
  readonly onIdleError?: ((error: Error) => void) | undefined;
  /** After so long an idle connection is closed; 0: never. Default 10,000. */
  readonly idleTimeoutMillis?: number;
  /** How long somebody waits for a connection while all are lent out. Default: for ever. */
  readonly waitMs?: number | undefined;
}

const CLOSE_WITHIN_MS = 1_000;

/** Whether all connections of a pool were lent out for as long as one waits (`waitMs`). */
export function isPoolBusy(error: unknown): boolean {
  // The pool says no more than this.
  return error instanceof Error && error.message === 'timeout exceeded when trying to connect';
}

/** A pool whose connections cannot hang, and whose end cannot either. */
export class ServerPool extends pg.Pool {
  readonly #clients: Set<ServerClient>;

  constructor({ max, onIdleError, idleTimeoutMillis = 10_000, waitMs, ...client }: PoolOptions) {
    const clients = new Set<ServerClient>();
    super({
      max,
      idleTimeoutMillis,
      connectionTimeoutMillis: waitMs,
      // The pool waits for it.
      onConnect: (client) => (client instanceof ServerClient ? client.prepare() : undefined),
      Client: class extends ServerClient {
        constructor() {
          super(client);
          clients.add(this);
          this.on('end', () => clients.delete(this));
        }
      },
    });
    this.#clients = clients;
    this.on('error', (error) => onIdleError?.(error));
  }

  /** Waits for those who use a connection, but not for long: they may be waiting for an answer. */
  async close(): Promise<void> {
    if (!this.ending) {
      await within(this.end(), CLOSE_WITHIN_MS).catch((error: unknown) => {
        if (!(error instanceof NotInTimeError)) throw error;
      });
    }
    for (const client of this.#clients) client.leave();
  }
}
