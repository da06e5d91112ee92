import type { Window } from '../../src/cursor/cursor.ts';
import { asSnapshot, isVisible, partsOf, type Snapshot } from '../../src/cursor/snapshot.ts';

/** A row of the log, and what became of its transaction. */
export interface ModelRow {
  readonly id: number;
  readonly transaction: ModelTransaction;
  readonly channel: string;
  readonly key: string | null;
  readonly bytes: number;
}

export interface ModelTransaction {
  /** Undefined until it writes, or takes one for some other reason. */
  xid: bigint | undefined;
  state: 'running' | 'committed' | 'rolled back';
}

export interface ModelLimits {
  readonly rows: number;
  readonly bytes: number;
}

/**
 * A log in memory that hands out ids and transaction ids, locks rows and takes snapshots as
 * PostgreSQL does, and answers the three fetches as the statements of src/log do.
 */
export class LogModel {
  readonly rows: ModelRow[] = [];
  readonly #channels: readonly string[];
  readonly #locks = new Map<string, ModelTransaction>();
  readonly #running = new Set<ModelTransaction>();
  #lastXid = 2n;
  #lastCompletedXid = 2n;

  /** @param channels those that are fetched */
  constructor(channels: readonly string[]) {
    this.#channels = channels;
  }

  begin(): ModelTransaction {
    const transaction: ModelTransaction = { xid: undefined, state: 'running' };
    this.#running.add(transaction);
    return transaction;
  }

  /** A transaction may take its id long before it writes to the log. */
  takeXid(transaction: ModelTransaction): void {
    if (transaction.state !== 'running' || transaction.xid !== undefined) return;
    this.#lastXid += 1n;
    transaction.xid = this.#lastXid;
  }

  /** Whoever writes about a row of a table holds that row's lock until its end; others wait. */
  write(transaction: ModelTransaction, row: Pick<ModelRow, 'channel' | 'key' | 'bytes'>): void {
    const holder = row.key === null ? transaction : (this.#locks.get(row.key) ?? transaction);
    if (transaction.state !== 'running' || holder !== transaction) return;
    if (row.key !== null) this.#locks.set(row.key, transaction);
    this.takeXid(transaction);
    this.rows.push({ ...row, id: this.rows.length + 1, transaction });
  }

  end(transaction: ModelTransaction, state: 'committed' | 'rolled back'): void {
    if (transaction.state !== 'running') return;
    transaction.state = state;
    this.#running.delete(transaction);
    for (const [key, holder] of this.#locks) if (holder === transaction) this.#locks.delete(key);
    const { xid = 0n } = transaction;
    if (xid > this.#lastCompletedXid) this.#lastCompletedXid = xid;
  }

  /** As pg_current_snapshot(): xmax is one past the highest *completed* transaction id. */
  snapshot(): Snapshot {
    const xmax = this.#lastCompletedXid + 1n;
    const xip = [...this.#running]
      .flatMap(({ xid }) => (xid !== undefined && xid < xmax ? [xid] : []))
      .sort((a, b) => (a < b ? -1 : 1));
    return asSnapshot(`${xip[0] ?? xmax}:${xmax}:${xip.join(',')}`);
  }

  /** What is new since `seen`, if it fits; as fetchFresh(). */
  fetchFresh(seen: Snapshot, limits: ModelLimits) {
    const rows = this.#newSince(seen).filter((row) => this.#isFetched(row));
    const bytes = rows.reduce((sum, row) => sum + row.bytes, 0);
    const fits = rows.length <= limits.rows && (rows.length === 1 || bytes <= limits.bytes);
    return { snapshot: this.snapshot(), rows: fits ? rows : undefined };
  }

  /** As findWindowStart(). */
  findWindowStart(seen: Snapshot): number {
    return Math.min(...this.#newSince(seen).map(({ id }) => id)) - 1;
  }

  /** The next rows of a window; as fetchPage(). */
  fetchPage(seen: Snapshot, { until, lastId }: Window, limits: ModelLimits) {
    const found = this.#committed()
      .filter((row) => this.#isFetched(row) && row.id > lastId)
      .filter((row) => !isVisible(xidOf(row), seen) && isVisible(xidOf(row), until))
      .slice(0, limits.rows);
    let bytes = 0;
    const rows = found.filter((row, index) => {
      bytes += row.bytes;
      return index === 0 || bytes <= limits.bytes;
    });
    return { rows, last: found.length < limits.rows && rows.length === found.length };
  }

  /** By the conditions of the statements, which never ask for the rest of what is settled. */
  #newSince(seen: Snapshot): ModelRow[] {
    const { xmax, xip } = partsOf(seen);
    return this.#committed().filter((row) => xidOf(row) >= xmax || xip.includes(xidOf(row)));
  }

  /** What a statement that begins now can see, by id. */
  #committed(): ModelRow[] {
    return this.rows.filter(({ transaction }) => transaction.state === 'committed');
  }

  #isFetched({ channel }: ModelRow): boolean {
    return this.#channels.includes(channel);
  }
}

/** The id of the transaction that wrote the row. */
export function xidOf({ transaction: { xid } }: ModelRow): bigint {
  if (xid === undefined) throw new Error('a row was written without a transaction id');
  return xid;
}
