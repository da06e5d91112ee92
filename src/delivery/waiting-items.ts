import type { LogRow } from '../log/log-row.ts';

/** A notification on its way to the handler. */
export interface Item {
  readonly row: LogRow;
  /** Attempts made so far. */
  readonly attempts: number;
  readonly isReplay: boolean;
  /** Where it is to be settled: `log`: by the cursor; `redelivery`: by its row there. */
  readonly from: 'log' | 'redelivery';
}

/** New notifications in the order of the log. The rows may be shared: only the index is one's own. */
export interface Stretch {
  readonly rows: readonly LogRow[];
  /** The first of them that still waits. */
  readonly from: number;
  readonly isReplay: boolean;
}

/** So many places of those that are gone are kept before the rest moves up. */
const GONE_MAX = 1_000;
/** The same in a stretch: there they keep their payloads in memory. */
const STRETCH_GONE_MAX = 100;

/**
 * Those that wait, in their order. To take the first costs the same however many wait. What came as a
 * stretch becomes items only when it is asked for by its place.
 */
export class WaitingItems {
  #items: (Item | undefined)[] = [];
  /** How many at the beginning are gone. */
  #gone = 0;
  /** Behind the items. */
  readonly #stretches: Stretch[] = [];
  #inStretches = 0;

  get length(): number {
    return this.#items.length - this.#gone + this.#inStretches;
  }

  add(item: Item): void {
    this.#itemize(this.#inStretches);
    this.#items.push(item);
  }

  addNew(rows: readonly LogRow[], isReplay: boolean): void {
    if (rows.length === 0) return;
    this.#stretches.push({ rows, from: 0, isReplay });
    this.#inStretches += rows.length;
  }

  /** What waits in front, if that is a stretch. */
  get stretch(): Stretch | undefined {
    return this.#items.length === this.#gone ? this.#stretches[0] : undefined;
  }

  /** Removes so many from the beginning of the first stretch. */
  pass(count: number): void {
    const [stretch] = this.#stretches;
    if (stretch === undefined) return;
    this.#inStretches -= count;
    const { rows, isReplay } = stretch;
    const from = stretch.from + count;
    if (from >= rows.length) this.#stretches.shift();
    else if (from < STRETCH_GONE_MAX) this.#stretches[0] = { rows, from, isReplay };
    else this.#stretches[0] = { rows: rows.slice(from), from: 0, isReplay };
  }

  at(index: number): Item | undefined {
    const missing = index + 1 - (this.#items.length - this.#gone);
    if (missing > 0) this.#itemize(Math.min(missing, this.#inStretches));
    return this.#items[this.#gone + index];
  }

  /** @param index of one that at() has answered */
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
    const hasKey = (row: LogRow) => row.key === key;
    const isAhead = this.#stretches.some(({ rows, from }) =>
      rows.some((row, index) => index >= from && hasKey(row)),
    );
    if (isAhead) this.#itemize(this.#inStretches);
    const waiting = this.#items.filter((item) => item !== undefined);
    const withdrawn = waiting.filter(({ row }) => hasKey(row));
    if (withdrawn.length === 0) return withdrawn;
    this.#items = waiting.filter(({ row }) => !hasKey(row));
    this.#gone = 0;
    return withdrawn;
  }

  /** Removes all, and answers them. */
  withdrawAll(): readonly Item[] {
    this.#itemize(this.#inStretches);
    const withdrawn = this.#items.filter((item) => item !== undefined);
    this.#items = [];
    this.#gone = 0;
    return withdrawn;
  }

  /** Makes items of so many, from the beginning of the first stretch. */
  #itemize(count: number): void {
    for (let left = count; left > 0; ) {
      const [stretch] = this.#stretches;
      if (stretch === undefined) return;
      const { rows, from, isReplay } = stretch;
      const taken = rows.slice(from, from + left);
      for (const row of taken) this.#items.push({ row, attempts: 0, isReplay, from: 'log' });
      this.pass(taken.length);
      left -= taken.length;
    }
  }
}
