import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * What becomes of the connections that were there when a black hole ends:
 *
 *   late       what was sent meanwhile arrives, as after a short loss of packets
 *   reset      both ends learn that the connection is gone
 *   forgotten  they stay silent for good and neither end learns, as when a firewall between them
 *              has lost its table; new connections go through
 */
export type Healing = 'late' | 'reset' | 'forgotten';

/** A way to the server that a test can cut. */
export interface TcpProxy {
  /** The database URL through the proxy. */
  readonly url: string;
  /** Cuts every connection and refuses new ones. */
  cut(): Promise<void>;
  /** Lets connections through again, on the same port. */
  mend(): Promise<void>;
  /** From now on takes connections and forwards nothing, of those it has neither. */
  swallow(): void;
  /** Ends that. */
  heal(connections: Healing): void;
  close(): Promise<void>;
}

export async function startTcpProxy(databaseUrl: string): Promise<TcpProxy> {
  const target = new URL(databaseUrl);
  const connections = new Set<Connection>();
  let server: Server | undefined;
  let port = 0;
  let swallowing = false;

  const accept = (incoming: Socket) => {
    const outgoing = connect(Number(target.port), target.hostname);
    const connection = new Connection(incoming, outgoing);
    connections.add(connection);
    for (const end of [incoming, outgoing]) {
      end.on('close', () => {
        if (connection.isOver) connections.delete(connection);
      });
    }
    if (!swallowing) connection.forward();
  };
  const mend = async () => {
    server = createServer({ pauseOnConnect: true }, accept).listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address === 'object' && address !== null) port = address.port;
  };
  const cut = async () => {
    const closed = server === undefined ? undefined : once(server, 'close');
    server?.close();
    server = undefined;
    for (const connection of connections) connection.destroy();
    await closed;
  };

  await mend();
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  return {
    url: url.href,
    cut,
    mend,
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
    close: cut,
  };
}

/** Two sockets. Forwards nothing until told to; then closes one end with the other. */
class Connection {
  readonly #ends: readonly [Socket, Socket];
  #forwarding = false;
  #forgotten = false;

  constructor(incoming: Socket, outgoing: Socket) {
    this.#ends = [incoming, outgoing];
    for (const end of this.#ends) {
      end.on('error', () => {
        // Its close follows.
      });
      end.on('close', () => {
        if (this.#forwarding) this.destroy();
      });
    }
  }

  get isOver(): boolean {
    return this.#ends.every((end) => end.destroyed);
  }

  forward(): void {
    if (this.#forgotten) return;
    this.#forwarding = true;
    const [incoming, outgoing] = this.#ends;
    if (incoming.destroyed || outgoing.destroyed) {
      this.destroy();
      return;
    }
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
