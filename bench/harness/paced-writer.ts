import type pg from 'pg';
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
  /** Ends after as many. Default: no end of its own. */
  readonly rows?: number;
  /** Ends when this is settled. */
  readonly until?: Promise<unknown>;
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
    const connections = Array.from({ length: CONNECTIONS }, () => site.connect());
    return new PacedWriter(await Promise.all(connections));
  }

  /**
   * Resolves when all are acknowledged. The numbers go on where the last call ended.
   *
   * @throws what a statement, or `until`, failed with
   */
  write({ rate, rows = Number.POSITIVE_INFINITY, until }: Pace): Promise<readonly Written[]> {
    const spacing = 1_000 / rate;
    const beganAt = clock();
    const written: Written[] = [];
    return new Promise((resolve, reject) => {
      let begun = 0;
      let ended = false;
      // Anywhere in its slot: what polls must be met at any moment of its interval.
      let dueAt = beganAt + Math.random() * spacing;
      let timer: NodeJS.Timeout | undefined;
      const pump = () => {
        clearTimeout(timer);
        for (let now = clock(); !ended && now >= dueAt; now = clock()) {
          const client = this.#free.shift();
          if (client === undefined) return;
          send(client, dueAt);
          begun += 1;
          dueAt = beganAt + (begun + Math.random()) * spacing;
          if (begun >= rows) ended = true;
        }
        if (!ended) timer = setTimeout(pump, dueAt - clock());
      };
      const end = () => {
        ended = true;
        clearTimeout(timer);
        if (written.length === begun) resolve(written);
      };
      const fail = (error: unknown) => {
        end();
        reject(error);
      };
      const send = (client: pg.Client, due: number) => {
        this.#lastNumber += 1;
        const n = this.#lastNumber;
        const sentAt = clock();
        client.query({ ...INSERT, values: [n, BODY] }).then(() => {
          written.push({ n, dueAt: due, sentAt, acknowledgedAt: clock() });
          this.#free.push(client);
          if (ended) end();
          else pump();
        }, fail);
      };
      until?.then(end, fail);
      pump();
    });
  }
}

const INSERT = { name: 'write', text: 'insert into changes (n, body) values ($1, $2)' };
