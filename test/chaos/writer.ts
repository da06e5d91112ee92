import pg from 'pg';
import { pause } from '../../src/lifecycle/pause.ts';
import type { Pace } from './pace.ts';
import type { Random } from './random.ts';
import type { Tally } from './tally.ts';
import type { Transaction, TransactionKind } from './transactions.ts';

export interface WriterOptions {
  /** Of the server itself: writers suffer its restarts, but no proxy. */
  readonly url: string;
  readonly kind: TransactionKind;
  readonly random: Random;
  readonly pace: Pace;
  readonly tally: Tally;
  readonly stopping: AbortSignal;
}

/** How long a writer waits before it tries to connect again. */
const RECONNECT_MS = 100;

/** Writes transactions of one kind, one after the other, through any number of lost connections. */
export class Writer {
  readonly #options: WriterOptions;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** Returns when stopped and the transaction in hand has ended. */
  async run(): Promise<void> {
    const { url, pace, stopping } = this.#options;
    while (!stopping.aborted) {
      const client = new pg.Client({ connectionString: url, application_name: 'chaos writer' });
      client.on('error', () => {
        // The statement in hand, or the next one, fails with it.
      });
      try {
        await client.connect();
        while (await pace.next(stopping)) pace.took(await this.#transact(client));
      } catch {
        await pause(RECONNECT_MS, stopping);
      } finally {
        await client.end().catch(() => {});
      }
    }
  }

  /** Answers how many notifications it wrote. @throws when the connection is lost */
  async #transact(client: pg.Client): Promise<number> {
    const { kind, random, tally } = this.#options;
    let written = 0;
    const transaction: Transaction = {
      random,
      async write(sql, values = []) {
        const result = await client.query(sql, [...values]);
        written += result.rowCount ?? 0;
        return result;
      },
      run: (sql) => client.query(sql),
    };
    await client.query('begin');
    try {
      await kind.write(transaction);
      if (random.chance(kind.rollsBack)) throw new RolledBack();
    } catch (error) {
      tally.add('rolled back', written);
      // A deadlock among writers is an ordinary rollback; without its server nothing goes on.
      if (!(error instanceof RolledBack) && !isDeadlock(error)) throw error;
      await client.query('rollback');
      return written;
    }
    try {
      await client.query('commit');
    } catch (error) {
      tally.add('unknown', written);
      throw error;
    }
    tally.add('committed', written);
    return written;
  }
}

class RolledBack extends Error {}

function isDeadlock(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '40P01';
}
