import type { Pool } from 'pg';
import { type Names, qualified } from '../db/names.ts';
import type { Cursor } from './cursor.ts';
import { type CursorHold, type FencedWrite, writeCursor } from './cursor-store.ts';

interface Wish {
  readonly hold: CursorHold;
  readonly cursor: Cursor;
  readonly resolve: (outcome: FencedWrite | Promise<FencedWrite>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The cursor writes of one process: those that are asked for while one is under way go together, in
 * one statement and one commit. Whatever that one statement does not write (another process has the
 * row's lock, or its lease) is written by itself, so that nobody waits for another consumer's row.
 */
export class CursorWrites {
  readonly #pool: Pool;
  readonly #names: Names;
  #wishes: Wish[] = [];
  #isWriting = false;

  constructor(pool: Pool, names: Names) {
    this.#pool = pool;
    this.#names = names;
  }

  /** As writeCursor(). */
  write(hold: CursorHold, cursor: Cursor): Promise<FencedWrite> {
    return new Promise((resolve, reject) => {
      this.#wishes.push({ hold, cursor, resolve, reject });
      if (this.#isWriting) return;
      this.#isWriting = true;
      // Those who have moved at the same moment ask at the same moment.
      setImmediate(() => this.#writeAll());
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#wishes.length > 0) {
      const wishes = this.#wishes.splice(0);
      try {
        await this.#writeTogether(wishes);
      } catch (error) {
        for (const { reject } of wishes) reject(error);
      }
    }
    this.#isWriting = false;
  }

  async #writeTogether(wishes: readonly Wish[]): Promise<void> {
    const written = await this.#update(wishes);
    for (const { hold, cursor, resolve } of wishes) {
      if (written.has(keyOf(hold))) resolve('written');
      else resolve(writeCursor(this.#pool, this.#names, hold, cursor));
    }
  }

  async #update(wishes: readonly Wish[]): Promise<Set<string>> {
    const table = qualified(this.#names, 'consumer_cursor');
    const { rows } = await this.#pool.query<[number, number]>({
      name: 'pgwatch_write_cursors',
      text: `
        with wanted as materialized (
          select * from unnest(
            $1::integer[], $2::integer[], $3::bigint[], $4::uuid[], $5::double precision[],
            $6::pg_snapshot[], $7::pg_snapshot[], $8::bigint[]
          ) as wanted (consumer_id, partition, epoch, life, lease_seconds, seen, until, last_id)
        ),
        free as materialized (
          select consumer_id, partition
          from ${table}
          where (consumer_id, partition) in (select consumer_id, partition from wanted)
          for no key update skip locked
        )
        update ${table} c
        set seen = wanted.seen, until = wanted.until, last_id = wanted.last_id, updated_at = now(),
            lease_until = clock_timestamp() + make_interval(secs => wanted.lease_seconds)
        from wanted join free using (consumer_id, partition)
        where c.consumer_id = wanted.consumer_id and c.partition = wanted.partition
          and c.epoch = wanted.epoch
          and exists (select from ${qualified(this.#names, 'server_life')} where id = wanted.life)
        returning c.consumer_id, c.partition`,
      values: [
        wishes.map(({ hold }) => hold.consumerId),
        wishes.map(({ hold }) => hold.partition),
        wishes.map(({ hold }) => hold.epoch),
        wishes.map(({ hold }) => hold.life),
        wishes.map(({ hold }) => hold.leaseSeconds),
        wishes.map(({ cursor }) => cursor.seen),
        wishes.map(({ cursor }) => cursor.window?.until ?? null),
        wishes.map(({ cursor }) => cursor.window?.lastId ?? null),
      ],
      rowMode: 'array',
    });
    return new Set(rows.map(([consumerId, partition]) => keyOf({ consumerId, partition })));
  }
}

function keyOf({ consumerId, partition }: Pick<CursorHold, 'consumerId' | 'partition'>): string {
  return `${consumerId} ${partition}`;
}
