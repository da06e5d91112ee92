import { heldBytes, type LogRow } from '../log/log-row.ts';

/** A notification on its way to the handler. */
export interface Item {
  readonly row: LogRow;
  /** Attempts made so far. */
  readonly attempts: number;
  readonly isReplay: boolean;
  /** Where it is to be settled: `log`: by the cursor; `redelivery`: by its row there. */
  readonly from: 'log' | 'redelivery';
}

/** So many places of those that are gone are kept before the rest moves up. */
const GONE_MAX = 1_000;

/** Those that wait, in their order. To take the first costs the same however many wait. */
export class WaitingItems {
  #items: (Item | undefined)[] = [];
  /** How many at the beginning are gone. */
  #gone = 0;

  get length(): number {
    return this.#items.length - this.#gone;
  }

  add(item: Item): void {
    this.#items.push(item);
  }

  at(index: number): Item | undefined {
    return this.#items[this.#gone + index];
  }

  remove(index: number): void {
    if (index > 0) {
      this.#items.splice(this.#gone + index, 1);
      return;
    }
    this.#items[this.#gone] = undefined;
    this.#gone += 1;
    if (this.#gone < GONE_MAX && this.#gone < this.#items.length) return;
    this.#items = this.#items.slice(this.#gone);
    this.#gone = 0;
  }

  /** Removes those with this key, and answers them. */
  withdraw(key: string): readonly Item[] {
    const waiting = this.#items.filter((item) => item !== undefined);
    const withdrawn = waiting.filter(({ row }) => row.key === key);
    if (withdrawn.length === 0) return withdrawn;
    this.#items = waiting.filter(({ row }) => row.key !== key);
    this.#gone = 0;
    return withdrawn;
  }
}

/** What they take in memory, about. */
export function bytesOf(items: readonly Item[]): number {
  return items.reduce((sum, { row }) => sum + heldBytes(row), 0);
}
