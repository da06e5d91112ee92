import type { PoolClient } from 'pg';
import type { InstalledDatabase } from './installed-database.ts';

/** What one transaction wrote. */
interface Transaction {
  readonly client: PoolClient;
  readonly written: Written[];
  /** How much was written at each savepoint that is open. */
  readonly savepoints: number[];
}

export interface Written {
  readonly id: number;
  readonly key: string | null;
}

/**
 * Several writers with a transaction each, on a real server. What is about one key is written by one
 * transaction at a time, as the lock of a captured row sees to it.
 */
export class WritersModel {
  readonly #database: InstalledDatabase;
  readonly #channel: string;
  readonly #open = new Map<number, Transaction>();
  readonly #locks = new Map<string, number>();
  readonly committed = new Map<number, string | null>();

  constructor(database: InstalledDatabase, channel: string) {
    this.#database = database;
    this.#channel = channel;
  }

  async begin(writer: number): Promise<void> {
    if (this.#open.has(writer)) return;
    const client = await this.#database.pool.connect();
    await client.query('begin');
    this.#open.set(writer, { client, written: [], savepoints: [] });
  }

  /** Takes a transaction id without writing to the log yet. */
  async takeId(writer: number): Promise<void> {
    await this.#open.get(writer)?.client.query('select pg_current_xact_id()');
  }

  async write(writer: number, key: string | null, count: number): Promise<void> {
    const transaction = this.#open.get(writer);
    if (transaction === undefined) return;
    if (key !== null) {
      if ((this.#locks.get(key) ?? writer) !== writer) return;
      this.#locks.set(key, writer);
    }
    const { rows } = await transaction.client.query<{ id: string }>(
      `select smart_notify($1, to_jsonb(n), $2) as id from generate_series(1, $3) n`,
      [this.#channel, key, count],
    );
    transaction.written.push(...rows.map(({ id }) => ({ id: Number(id), key })));
  }

  async savepoint(writer: number): Promise<void> {
    const transaction = this.#open.get(writer);
    if (transaction === undefined) return;
    await transaction.client.query(`savepoint s${transaction.savepoints.length}`);
    transaction.savepoints.push(transaction.written.length);
  }

  /** What was written since the latest savepoint is no more. */
  async rollBackToSavepoint(writer: number): Promise<void> {
    const transaction = this.#open.get(writer);
    const length = transaction?.savepoints.pop();
    if (transaction === undefined || length === undefined) return;
    await transaction.client.query(`rollback to savepoint s${transaction.savepoints.length}`);
    transaction.written.splice(length);
  }

  async end(writer: number, how: 'commit' | 'rollback'): Promise<void> {
    const transaction = this.#open.get(writer);
    if (transaction === undefined) return;
    this.#open.delete(writer);
    await transaction.client.query(how);
    transaction.client.release();
    for (const [key, holder] of this.#locks) if (holder === writer) this.#locks.delete(key);
    if (how === 'rollback') return;
    for (const { id, key } of transaction.written) this.committed.set(id, key);
  }

  async commitAll(): Promise<void> {
    for (const writer of [...this.#open.keys()]) await this.end(writer, 'commit');
  }
}
