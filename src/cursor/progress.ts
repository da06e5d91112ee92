import { type Cursor, closeWindow, settleUpTo } from './cursor.ts';

/** Notifications that were fetched together. */
export interface FetchedBatch {
  /** In ascending order. */
  readonly ids: readonly number[];
  /** Where the cursor stands before the first of them: in a window. */
  readonly cursor: Cursor;
  /** Whether these are all that is left of the window. */
  readonly last: boolean;
}

interface OpenBatch extends FetchedBatch {
  /** How many of the ids, from the first, are settled without a gap. */
  settled: number;
}

/**
 * How far a consumer is while it handles several notifications side by side, and fetches ahead. Pure.
 *
 *   cursor      may be stored: everything it covers is settled. It stays in front of the earliest
 *               notification that is not.
 *   fetchAfter  where the next fetch goes on: behind everything that was fetched.
 */
export class Progress {
  #cursor: Cursor;
  #fetchAfter: Cursor;
  readonly #batches: OpenBatch[] = [];
  readonly #unsettled = new Set<number>();
  #fetched = 0;

  constructor(cursor: Cursor) {
    this.#cursor = cursor;
    this.#fetchAfter = cursor;
  }

  get cursor(): Cursor {
    return this.#cursor;
  }

  get fetchAfter(): Cursor {
    return this.#fetchAfter;
  }

  /** How many are settled and not covered by the cursor: a crash repeats them. */
  get uncovered(): number {
    return this.#fetched - this.#unsettled.size - (this.#batches[0]?.settled ?? 0);
  }

  /** A fetch found these. */
  add(batch: FetchedBatch): void {
    const lastId = batch.ids.at(-1);
    if (lastId === undefined) throw new RangeError('A batch without notifications.');
    const end = settleUpTo(batch.cursor, lastId);
    this.#fetchAfter = batch.last ? closeWindow(end) : end;
    this.#batches.push({ ...batch, settled: 0 });
    for (const id of batch.ids) this.#unsettled.add(id);
    this.#fetched += batch.ids.length;
  }

  /** A fetch found nothing, and where it looked the cursor is now. */
  seeNothing(cursor: Cursor): void {
    this.#fetchAfter = cursor;
    if (this.#batches.length === 0) this.#cursor = cursor;
  }

  /** True: the cursor has moved. */
  settle(id: number): boolean {
    if (!this.#unsettled.delete(id)) return false;
    let moved = false;
    for (let batch = this.#batches[0]; batch !== undefined; batch = this.#batches[0]) {
      const before = batch.settled;
      while (
        batch.settled < batch.ids.length &&
        !this.#unsettled.has(batch.ids[batch.settled] ?? 0)
      )
        batch.settled += 1;
      if (batch.settled === before) break;
      moved = true;
      const reached = settleUpTo(batch.cursor, batch.ids[batch.settled - 1] ?? 0);
      const isDone = batch.settled === batch.ids.length;
      this.#cursor = isDone && batch.last ? closeWindow(reached) : reached;
      if (!isDone) break;
      this.#batches.shift();
      this.#fetched -= batch.ids.length;
    }
    if (moved && this.#batches.length === 0) this.#cursor = this.#fetchAfter;
    return moved;
  }

  /** The cursor as it would be were this settled, too. */
  cursorAfter(id: number): Cursor {
    const batch = this.#batches[0];
    const position = batch?.settled ?? 0;
    if (batch === undefined || batch.ids[position] !== id) return this.#cursor;
    const reached = settleUpTo(batch.cursor, id);
    return position === batch.ids.length - 1 && batch.last ? closeWindow(reached) : reached;
  }
}
