import { heldBytes, type LogRow } from '../log/log-row.ts';
import { type Item, type Stretch, WaitingItems } from './waiting-items.ts';

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
  #redeliveredBytes = 0;
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

  /** What redeliveries take in memory, about: those that wait and those that are being handled. */
  get redeliveredBytes(): number {
    return this.#redeliveredBytes;
  }

  get isIdle(): boolean {
    return this.#calls.size === 0 && this.waiting('log') === 0 && this.waiting('redelivery') === 0;
  }

  add(item: Item): void {
    this.#waiting[item.from].add(item);
    this.#countBytes([item], 1);
  }

  /** New notifications, in their order. */
  addNew(rows: readonly LogRow[], isReplay: boolean): void {
    this.#waiting.log.addNew(rows, isReplay);
  }

  /**
   * What may be handled now without taking a lane, one after the other, as long as each call has
   * ended when the next begins: nothing else runs, and nothing else has its turn.
   */
  get stretch(): Stretch | undefined {
    const isFree = this.#calls.size === 0 && this.waiting('redelivery') === 0;
    return isFree && this.#limits.batchSize === 1 ? this.#waiting.log.stretch : undefined;
  }

  /** So many of the stretch are handled. */
  pass(count: number): void {
    this.#waiting.log.pass(count);
    this.#turn = 'redelivery';
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
    this.#countBytes(items, -1);
    for (const { row } of items) if (row.key !== null) this.#busyKeys.delete(row.key);
  }

  /** Takes out what waits with this key: an earlier notification of it failed. */
  withdraw(key: string): readonly Item[] {
    const redelivered = this.#waiting.redelivery.withdraw(key);
    this.#countBytes(redelivered, -1);
    return [...this.#waiting.log.withdraw(key), ...redelivered];
  }

  /** Takes out all redeliveries that wait. */
  withdrawRedeliveries(): readonly Item[] {
    const withdrawn = this.#waiting.redelivery.withdrawAll();
    this.#countBytes(withdrawn, -1);
    return withdrawn;
  }

  #countBytes(items: readonly Item[], sign: 1 | -1): void {
    for (const { row, from } of items) {
      if (from === 'redelivery') this.#redeliveredBytes += sign * heldBytes(row);
    }
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
