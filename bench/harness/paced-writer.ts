import { once } from 'node:events';
import pg from 'pg';
import { BODY } from '../contenders/contender.ts';
import type { Site } from './site.ts';
import { clock } from './worker.ts';

/** When each row was due, sent and acknowledged: of the system's monotonic clock, in milliseconds. */
export interface Written {
  readonly n: number;
  readonly dueAt: number;
  readonly sentAt: number;
  readonly acknowledgedAt: number;
}

export interface Pace {
  /** Rows a second. */
  readonly rate: number;
  readonly rows: number;
}

const CONNECTIONS = 16;

/**
 * Writes rows to `changes`, each in a transaction of its own, whether or not those before are
 * handled: an open loop. Only a server that leaves all connections busy holds it up, and then
 * `sentAt` falls behind `dueAt`.
 */
export class PacedWriter {
  readonly #free: pg.Client[];
  #lastNumber = 0;

  private constructor(clients: pg.Client[]) {
    this.#free = clients;
  }

  static async open(site: Site): Promise<PacedWriter> {
    const clients = Array.from(
      { length: CONNECTIONS },
      () => new pg.Client({ connectionString: site.url }),
    );
    site.onEnd(() => Promise.all(clients.map((client) => client.end())));
    await Promise.all(clients.map((client) => client.connect()));
    return new PacedWriter(clients);
  }

  /** Resolves when all are acknowledged. The numbers go on where the last call ended. */
  async write({ rate, rows }: Pace): Promise<readonly Written[]> {
    const spacing = 1_000 / rate;
    const beganAt = clock();
    const written: Written[] = [];
    const failure = new AbortController();
    const failed = once(failure.signal, 'abort').then((): never => {
      throw failure.signal.reason;
    });
    const all = new Promise<void>((resolve) => {
      let begun = 0;
      // Anywhere in its slot: what polls must be met at any moment of its interval.
      let dueAt = beganAt + Math.random() * spacing;
      let timer: NodeJS.Timeout | undefined;
      const pump = () => {
        clearTimeout(timer);
        for (let now = clock(); begun < rows && now >= dueAt; now = clock()) {
          const client = this.#free.shift();
          if (client === undefined) return;
          send(client, dueAt);
          begun += 1;
          dueAt = beganAt + (begun + Math.random()) * spacing;
        }
        if (begun < rows) timer = setTimeout(pump, dueAt - clock());
      };
      const send = (client: pg.Client, due: number) => {
        this.#lastNumber += 1;
        const n = this.#lastNumber;
        const sentAt = clock();
        client.query({ ...INSERT, values: [n, BODY] }).then(() => {
          written.push({ n, dueAt: due, sentAt, acknowledgedAt: clock() });
          this.#free.push(client);
          if (written.length === rows) resolve();
          else pump();
        }, failure.abort.bind(failure));
      };
      pump();
    });
    await Promise.race([all, failed]);
    return written;
  }
}

const INSERT = { name: 'write', text: 'insert into changes (n, body) values ($1, $2)' };
