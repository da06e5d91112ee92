import { type Cursor, closeWindow, settleUpTo } from './cursor.ts';

/** Notifications that were fetched together. */
export interface FetchedBatch {
  /** In ascending order. Consumers that share a read share these, too. */
  readonly ids: readonly number[];
  /** Where the cursor stands before the first of them: in a window. */
  readonly cursor: Cursor;
  /** Whether these are all that is left of the window. */
  readonly last: boolean;
  /** Whether they were there before the consumer was live. */
  readonly isReplay: boolean;
}

interface OpenBatch extends FetchedBatch {
  /** How many of the ids, from the first, are settled without a gap. */
  settled: number;
  /** Those that are settled behind a gap. */
  readonly ahead: Set<number>;
}

/**
 * How far a consumer is while it handles several notifications side by side, and fetches ahead. Pure.
 * What is settled in order, as nearly all is, costs a number for each batch, whatever its length.
 *
 *   cursor      may be stored: everything it covers is settled. It stays in front of the earliest
 *               notification that is not.
 *   fetchAfter  where the next fetch goes on: behind everything that was fetched.
 */
export class Progress {
  #cursor: Cursor;
  #fetchAfter: Cursor;
  readonly #batches: OpenBatch[] = [];
  /** Of the ids of the first batch. */
  #covered = 0;
  #fetched = 0;
  #unsettled = 0;

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
    return this.#fetched - this.#unsettled - this.#covered;
  }

  /** A fetch found these. */
  add(batch: FetchedBatch): void {
    const lastId = batch.ids.at(-1);
    if (lastId === undefined) throw new RangeError('A batch without notifications.');
    const end = settleUpTo(batch.cursor, lastId);
    this.#fetchAfter = batch.last ? closeWindow(end) : end;
    this.#batches.push({ ...batch, settled: 0, ahead: new Set() });
    this.#fetched += batch.ids.length;
    this.#unsettled += batch.ids.length;
  }

  /** A fetch found nothing, and where it looked the cursor is now. */
  seeNothing(cursor: Cursor): void {
    this.#fetchAfter = cursor;
    if (this.#batches.length === 0) this.#cursor = cursor;
  }

  /** Answers the batch that it came with; undefined: it was never fetched, or is settled already. */
  settle(id: number): FetchedBatch | undefined {
    const batch = this.#settleOne(id);
    if (batch !== undefined) this.#advance();
    return batch;
  }

  /** The same for those of one batch, in ascending order, from one index to before another. */
  settleStretch(rows: readonly { readonly id: number }[], from: number, to: number): void {
    const [first] = this.#batches;
    const end = (first?.settled ?? 0) + to - from;
    const isNext =
      first !== undefined &&
      first.ahead.size === 0 &&
      first.ids[first.settled] === rows[from]?.id &&
      first.ids[end - 1] === rows[to - 1]?.id;
    if (isNext) {
      first.settled = end;
      this.#unsettled -= to - from;
    } else {
      for (let index = from; index < to; index += 1) this.#settleOne(rows[index]?.id ?? 0);
    }
    this.#advance();
  }

  /** The cursor as it would be were this settled, too. */
  cursorAfter(id: number): Cursor {
    const batch = this.#batches[0];
    const position = batch?.settled ?? 0;
    if (batch === undefined || batch.ids[position] !== id) return this.#cursor;
    const reached = settleUpTo(batch.cursor, id);
    return position === batch.ids.length - 1 && batch.last ? closeWindow(reached) : reached;
  }

  #settleOne(id: number): FetchedBatch | undefined {
    const batch = this.#batches.find((one) => settleIn(one, id));
    if (batch !== undefined) this.#unsettled -= 1;
    return batch;
  }

  #advance(): void {
    let moved = false;
    for (
      let batch = this.#batches[0];
      batch !== undefined && batch.settled > this.#covered;
      batch = this.#batches[0]
    ) {
      this.#covered = batch.settled;
      moved = true;
      const reached = settleUpTo(batch.cursor, batch.ids[batch.settled - 1] ?? 0);
      const isDone = batch.settled === batch.ids.length;
      this.#cursor = isDone && batch.last ? closeWindow(reached) : reached;
      if (!isDone) break;
      this.#batches.shift();
      this.#fetched -= batch.ids.length;
      this.#covered = 0;
    }
    if (moved && this.#batches.length === 0) this.#cursor = this.#fetchAfter;
  }
}

/** False: it is not of this batch, or settled already. */
function settleIn(batch: OpenBatch, id: number): boolean {
  const { ids, ahead } = batch;
  if (ids[batch.settled] !== id) {
    if (ahead.has(id) || indexOf(ids, id) < batch.settled) return false;
    ahead.add(id);
    return true;
  }
  do batch.settled += 1;
  while (ahead.size > 0 && ahead.delete(ids[batch.settled] ?? 0));
  return true;
}

/** -1: it is not among them. */
function indexOf(ascending: readonly number[], id: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] ?? 0) < id) low = middle + 1;
    else high = middle;
  }
  return ascending[low] === id ? low : -1;
}
