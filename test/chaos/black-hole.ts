import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/**
 * What becomes of the connections that were there when a black hole ends:
 *
 *   late       what was sent meanwhile arrives, as after a short loss of packets
 *   reset      both ends learn that the connection is gone
 *   forgotten  they stay silent for good and neither end learns, as when a firewall between them
 *              has lost its table; new connections go through
 */
export type Healing = 'late' | 'reset' | 'forgotten';

/** A way to the server that can become a black hole, also for those who come meanwhile. */
export interface BlackHole {
  /** The database URL by this way. */
  readonly url: string;
  /** From now on takes connections and forwards nothing, of those it has neither. */
  swallow(): void;
  /** Ends that. */
  heal(connections: Healing): void;
  close(): Promise<void>;
}

/** It forwards until told otherwise. */
export async function startBlackHole(databaseUrl: string): Promise<BlackHole> {
  const target = new URL(databaseUrl);
  const connections = new Set<Connection>();
  let swallowing = false;
  const server = createServer({ pauseOnConnect: true }, (incoming) => {
    const outgoing = connect(Number(target.port), target.hostname);
    const connection = new Connection(incoming, outgoing, () => connections.delete(connection));
    connections.add(connection);
    if (!swallowing) connection.forward();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  if (typeof address === 'object' && address !== null) url.port = String(address.port);
  return {
    url: url.href,
    swallow() {
      swallowing = true;
      for (const connection of connections) connection.hold();
    },
    heal(how) {
      swallowing = false;
      for (const connection of connections) {
        if (how === 'late') connection.forward();
        if (how === 'reset') connection.destroy();
        if (how === 'forgotten') connection.forget();
      }
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const connection of connections) connection.destroy();
      await closed;
    },
  };
}

/** Two sockets. Forwards nothing until told to; then closes one end with the other. */
class Connection {
  readonly #ends: readonly [Socket, Socket];
  #forwarding = false;
  #forgotten = false;

  constructor(incoming: Socket, outgoing: Socket, onOver: () => void) {
    this.#ends = [incoming, outgoing];
    for (const end of this.#ends) {
      end.on('error', () => {
        // Its close follows.
      });
      end.on('close', () => {
        if (this.#forwarding) this.destroy();
        if (this.#ends.every((other) => other.destroyed)) onOver();
      });
    }
  }

  forward(): void {
    if (this.#forgotten) return;
    const [incoming, outgoing] = this.#ends;
    if (incoming.destroyed || outgoing.destroyed) {
      this.destroy();
      return;
    }
    this.#forwarding = true;
    incoming.pipe(outgoing);
    outgoing.pipe(incoming);
  }

  /** What either end sends from now on waits in the sockets; that an end closes is kept back too. */
  hold(): void {
    this.#forwarding = false;
    for (const end of this.#ends) {
      end.unpipe();
      end.pause();
    }
  }

  forget(): void {
    this.hold();
    this.#forgotten = true;
  }

  destroy(): void {
    this.#forwarding = false;
    for (const end of this.#ends) end.destroy();
  }
}
