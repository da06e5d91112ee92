import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { WireMessages } from './wire-messages.ts';

/**
 * Lets a daemon in this process die as by `kill -9`, at a point that is counted.
 *
 * To everybody else a process is what it sends, what it is answered, and what its handlers do. It
 * dies between two of these: before a statement is sent, before an answer is read (the server has
 * done what was asked), or where a handler calls point(). Wherever its code would await something,
 * to die there is to die at the next of these points. From then on its connections are gone, and
 * no handler goes on.
 */
export class DoomedProcess {
  /** The database URL to give to the daemon. */
  readonly url: string;
  readonly died: Promise<void>;
  readonly #server: Server;
  readonly #target: URL;
  readonly #sockets = new Set<Socket>();
  #pointsLeft: number;
  #tellDeath = () => {};

  private constructor(server: Server, databaseUrl: string, port: number, diesAt: number) {
    this.#server = server;
    this.#target = new URL(databaseUrl);
    this.#pointsLeft = diesAt;
    const url = new URL(databaseUrl);
    url.hostname = '127.0.0.1';
    url.port = String(port);
    this.url = url.href;
    this.died = new Promise((resolve) => {
      this.#tellDeath = resolve;
    });
    server.on('connection', (socket) => this.#accept(socket));
  }

  /** @param diesAt which of the points it does not live to see, from 1 */
  static async begin(databaseUrl: string, diesAt: number): Promise<DoomedProcess> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('no port');
    return new DoomedProcess(server, databaseUrl, address.port, diesAt);
  }

  get isDead(): boolean {
    return this.#pointsLeft <= 0;
  }

  /** One more thing that the process does. Does not return when it is dead. */
  async point(): Promise<void> {
    if (!this.#lives()) await new Promise(() => {});
  }

  /** Ends it where it is. */
  die(): void {
    this.#pointsLeft = 0;
    for (const socket of this.#sockets) socket.destroy();
    this.#tellDeath();
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Passes a point. False: not any more. */
  #lives(): boolean {
    if (this.isDead) return false;
    this.#pointsLeft -= 1;
    if (this.isDead) this.die();
    return !this.isDead;
  }

  #accept(client: Socket): void {
    if (this.isDead) {
      client.destroy();
      return;
    }
    const server = connect(Number(this.#target.port), this.#target.hostname);
    // Q and S end what is asked in one go; Z says that it is done.
    this.#passOn(client, server, new WireMessages('client'), { points: 'QS', atOnce: 'pHX' });
    this.#passOn(server, client, new WireMessages('server'), { points: 'Z', atOnce: 'RA' });
  }

  #passOn(
    from: Socket,
    to: Socket,
    messages: WireMessages,
    types: { readonly points: string; readonly atOnce: string },
  ): void {
    let held: Buffer[] = [];
    const flush = () => {
      to.write(Buffer.concat(held));
      held = [];
    };
    this.#sockets.add(from);
    from.on('data', (chunk) => {
      for (const { type, bytes } of messages.of(chunk)) {
        held.push(bytes);
        if (type === '' || types.atOnce.includes(type)) flush();
        else if (types.points.includes(type)) {
          if (!this.#lives()) return;
          flush();
        }
      }
    });
    from.on('error', () => {
      // Its close follows.
    });
    from.on('close', () => {
      this.#sockets.delete(from);
      if (!this.isDead && held.length > 0) flush();
      to.destroySoon();
    });
  }
}
