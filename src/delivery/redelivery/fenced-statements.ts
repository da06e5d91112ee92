import type { ClientBase, Pool } from 'pg';
import {
  type CursorHold,
  type FencedWrite,
  idleLimit,
  unlessIdle,
} from '../../cursor/cursor-store.ts';
import { type Names, qualified } from '../../db/names.ts';

/** Runs statements that change nothing once another process has taken the cursor over. */
export class FencedStatements {
  readonly #client: Pool | ClientBase;
  readonly #hold: CursorHold;
  /**
   * A select of the cursor's row, while the lease is ours; locked, so that nobody takes over before the
   * write has committed. It needs the parameters $1 (consumer) to $5, which every statement is given.
   */
  readonly mine: string;

  constructor(client: Pool | ClientBase, names: Names, hold: CursorHold) {
    this.#client = client;
    this.#hold = hold;
    this.mine = `
      select seen, until, last_id from ${qualified(names, 'consumer_cursor')}
      where consumer_id = $1 and partition = $2 and epoch = $3
        and exists (select from ${qualified(names, 'server_life')} where id = $4)
        and ${unlessIdle('$5')}
      for key share`;
  }

  /** @param text answers how many rows `mine` had @param values from $6 on */
  async write(text: string, values: readonly unknown[]): Promise<FencedWrite> {
    const [mine] = await this.ask(text, values);
    return mine === 1 ? 'written' : 'fenced';
  }

  /** @param text answers numbers, in one row @param values from $6 on */
  async ask(text: string, values: readonly unknown[]): Promise<readonly number[]> {
    const { consumerId, partition, epoch, life } = this.#hold;
    const { rows } = await this.#client.query<number[]>({
      text,
      values: [consumerId, partition, epoch, life, idleLimit(this.#hold), ...values],
      rowMode: 'array',
    });
    return rows[0] ?? [];
  }
}
