import { heldBytes } from '../log/log-row.ts';
import { bytesOf, type Item, WaitingItems } from './waiting-items.ts';

export interface LaneLimits {
  /** Calls of the handler that run side by side. */
  readonly concurrency: number;
  /** Notifications that one call is given at most. */
  readonly batchSize: number;
}

/**
 * Who is next. Pure: nothing here knows of handlers or a database.
 *
 * What waits is taken in its order, but never while another notification with the same key is being
 * handled: different keys run side by side, one key is a lane in which nobody overtakes. With a
 * concurrency of 1 the order is therefore the order of what was added.
 *
 * New notifications and redeliveries wait apart and are taken in turns, so that many redeliveries
 * that fail slowly do not hold up what is new, nor the other way round.
 */
export class Lanes {
  readonly #limits: LaneLimits;
  readonly #waiting: Record<Item['from'], WaitingItems> = {
    log: new WaitingItems(),
    redelivery: new WaitingItems(),
  };
  readonly #heldBytes: Record<Item['from'], number> = { log: 0, redelivery: 0 };
  readonly #busyKeys = new Set<string>();
  readonly #calls = new Set<readonly Item[]>();
  #turn: Item['from'] = 'redelivery';

  constructor(limits: LaneLimits) {
    this.#limits = limits;
  }

  /** How many calls run. */
  get running(): number {
    return this.#calls.size;
  }

  /** What is being handled. */
  handling(): readonly Item[] {
    return [...this.#calls].flat();
  }

  waiting(from: Item['from']): number {
    return this.#waiting[from].length;
  }

  /** What these take in memory, about: those that wait and those that are being handled. */
  heldBytes(from: Item['from']): number {
    return this.#heldBytes[from];
  }

  get isIdle(): boolean {
    return this.#calls.size === 0 && this.waiting('log') === 0 && this.waiting('redelivery') === 0;
  }

  add(item: Item): void {
    this.#waiting[item.from].add(item);
    this.#heldBytes[item.from] += heldBytes(item.row);
  }

  /** Takes what the next call is to be given; undefined: nothing may begin now. */
  next(): readonly Item[] | undefined {
    if (this.#calls.size >= this.#limits.concurrency) return undefined;
    const other = this.#turn === 'log' ? 'redelivery' : 'log';
    let taken = this.#take(this.#turn);
    if (taken.length > 0) this.#turn = other;
    else taken = this.#take(other);
    if (taken.length === 0) return undefined;
    this.#calls.add(taken);
    for (const { row } of taken) if (row.key !== null) this.#busyKeys.add(row.key);
    return taken;
  }

  /** The call that was given these has ended, and its outcome is recorded. */
  done(items: readonly Item[]): void {
    this.#calls.delete(items);
    for (const { row, from } of items) {
      this.#heldBytes[from] -= heldBytes(row);
      if (row.key !== null) this.#busyKeys.delete(row.key);
    }
  }

  /** Takes out what waits with this key: an earlier notification of it failed. */
  withdraw(key: string): readonly Item[] {
    return [...this.#withdraw('log', key), ...this.#withdraw('redelivery', key)];
  }

  #withdraw(from: Item['from'], key: string): readonly Item[] {
    const withdrawn = this.#waiting[from].withdraw(key);
    this.#heldBytes[from] -= bytesOf(withdrawn);
    return withdrawn;
  }

  /** What has failed before comes alone: among others it might be what makes them all fail. */
  #take(from: Item['from']): readonly Item[] {
    const waiting = this.#waiting[from];
    const taken: Item[] = [];
    for (let index = 0; index < waiting.length && taken.length < this.#limits.batchSize; ) {
      const item = waiting.at(index);
      if (item === undefined) break;
      if (item.row.key !== null && this.#busyKeys.has(item.row.key)) {
        index += 1;
        continue;
      }
      if (item.attempts > 0 && taken.length > 0) break;
      waiting.remove(index);
      taken.push(item);
      if (item.attempts > 0) break;
    }
    return taken;
  }
}
