import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A way to the server that a test can cut. */
export interface TcpProxy {
  /** The database URL through the proxy. */
  readonly url: string;
  /** Cuts every connection and refuses new ones. */
  cut(): Promise<void>;
  /** Lets connections through again, on the same port. */
  mend(): Promise<void>;
  /**
   * Passes on nothing more of the connections that there are, and tells neither side: as a firewall
   * does that has forgotten them. New ones work.
   */
  freeze(): void;
  /** Passes on what was held back, in its order, and goes on. */
  thaw(): void;
  /** Resolves when a client sends something into a frozen connection, or has done so. */
  heldBack(): Promise<void>;
  /** From now on new connections go to this server. */
  redirect(databaseUrl: string): void;
  close(): Promise<void>;
}

/** Two sockets that are one connection. */
interface Link {
  readonly sockets: readonly Socket[];
  frozen: boolean;
  /** What to pass on when it thaws. */
  readonly held: (() => void)[];
}

export async function startTcpProxy(databaseUrl: string): Promise<TcpProxy> {
  let target = new URL(databaseUrl);
  const links = new Set<Link>();
  const waiting = new Set<() => void>();
  let isHolding = false;
  let server: Server | undefined;
  let port = 0;

  const accept = (incoming: Socket) => {
    const outgoing = connect(Number(target.port), target.hostname);
    const link: Link = { sockets: [incoming, outgoing], frozen: false, held: [] };
    links.add(link);
    const passOn = (from: Socket, act: () => void) => {
      if (!link.frozen) return act();
      link.held.push(act);
      if (from !== incoming) return;
      isHolding = true;
      for (const tell of waiting) tell();
    };
    for (const [from, to] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      from.on('data', (chunk) => passOn(from, () => to.write(chunk)));
      from.on('end', () => passOn(from, () => to.end()));
      from.on('error', () => {});
      from.on('close', () =>
        passOn(from, () => {
          links.delete(link);
          to.destroy();
        }),
      );
    }
  };
  const mend = async () => {
    server = createServer({ allowHalfOpen: true }, accept).listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address === 'object' && address !== null) port = address.port;
  };
  const thaw = () => {
    isHolding = false;
    for (const link of links) {
      link.frozen = false;
      for (const act of link.held.splice(0)) act();
    }
  };
  const cut = async () => {
    thaw();
    const closed = server === undefined ? undefined : once(server, 'close');
    server?.close();
    server = undefined;
    for (const { sockets } of links) for (const socket of sockets) socket.destroy();
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
    freeze() {
      for (const link of links) link.frozen = true;
    },
    thaw,
    heldBack: () =>
      new Promise((resolve) => {
        if (isHolding) resolve();
        else waiting.add(resolve);
      }),
    redirect(databaseUrl) {
      target = new URL(databaseUrl);
    },
    close: cut,
  };
}
