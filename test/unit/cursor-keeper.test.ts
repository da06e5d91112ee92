import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Cursor, openWindow, settleUpTo } from '../../src/cursor/cursor.ts';
import { CursorKeeper } from '../../src/cursor/cursor-keeper.ts';
import type { FencedWrite } from '../../src/cursor/cursor-store.ts';
import { asSnapshot } from '../../src/cursor/snapshot.ts';

const START: Cursor = { seen: asSnapshot('5:5:'), window: undefined };
const WINDOW = openWindow(START, asSnapshot('9:9:'), 0);
const at = (id: number) => settleUpTo(WINDOW, id);
const RENEW_MS = 10_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A write that ends when the test says so; then what follows from it has happened, too. */
interface Write {
  readonly cursor: Cursor;
  end(outcome: FencedWrite): Promise<void>;
  fail(error: Error): Promise<void>;
}

function keeper(cursor = START, heldSince = performance.now()) {
  const writes: Write[] = [];
  const onFenced = vi.fn();
  const onLeaseRenewed = vi.fn();
  const onWriteError = vi.fn();
  const kept = new CursorKeeper({
    cursor,
    write: (written) =>
      new Promise((resolve, reject) => {
        writes.push({
          cursor: written,
          end: async (outcome) => {
            resolve(outcome);
            await vi.advanceTimersByTimeAsync(0);
          },
          fail: async (error) => {
            reject(error);
            await vi.advanceTimersByTimeAsync(0);
          },
        });
      }),
    renewEveryMs: RENEW_MS,
    leaseMs: 3 * RENEW_MS,
    heldSince,
    onLeaseRenewed,
    onFenced,
    onWriteError,
  });
  /** The last write, of so many. */
  const write = (number: number): Write => {
    expect(writes).toHaveLength(number);
    const last = writes.at(-1);
    if (last === undefined) throw new Error('nothing was written');
    return last;
  };
  return { kept, writes, write, onFenced, onLeaseRenewed, onWriteError };
}

describe('an advance', () => {
  it('is to be had at once and stored within 100 ms', async () => {
    const { kept, writes, write } = keeper();
    kept.advance(at(1));
    expect(kept.cursor).toEqual(at(1));
    await vi.advanceTimersByTimeAsync(99);
    expect(writes).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(write(1).cursor).toEqual(at(1));
  });

  it('is stored in one write with all others of the 100 ms after the first', async () => {
    const { kept, write } = keeper();
    for (let id = 1; id <= 100; id += 1) {
      kept.advance(at(id));
      await vi.advanceTimersByTimeAsync(1);
    }
    expect(write(1).cursor).toEqual(at(100));
  });

  it('waits for the write before it, and is stored within 100 ms after that', async () => {
    const { kept, writes, write } = keeper();
    kept.advance(at(1));
    await vi.advanceTimersByTimeAsync(100);
    kept.advance(at(2));
    await vi.advanceTimersByTimeAsync(5_000);
    await write(1).end('written');
    await vi.advanceTimersByTimeAsync(99);
    expect(writes).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(write(2).cursor).toEqual(at(2));
  });
});

describe('the lease', () => {
  it('is renewed when nothing moves', async () => {
    const { write } = keeper();
    for (const number of [1, 2, 3]) {
      await vi.advanceTimersByTimeAsync(RENEW_MS - 1);
      await vi.advanceTimersByTimeAsync(1);
      expect(write(number).cursor).toEqual(START);
      await write(number).end('written');
    }
  });

  it('is renewed by every write, so that the next renewal comes later', async () => {
    const { kept, writes, write } = keeper();
    await vi.advanceTimersByTimeAsync(RENEW_MS - 200);
    kept.advance(at(1));
    await vi.advanceTimersByTimeAsync(100);
    await write(1).end('written');
    await vi.advanceTimersByTimeAsync(RENEW_MS - 1);
    expect(writes).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    write(2);
  });

  it('is renewed with what was only moved in memory, which alone is no reason to write', async () => {
    const { kept, writes, write } = keeper();
    const seen: Cursor = { seen: asSnapshot('7:7:'), window: undefined };
    kept.moveInMemory(seen);
    expect(kept.cursor).toEqual(seen);
    await vi.advanceTimersByTimeAsync(RENEW_MS - 1);
    expect(writes).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(write(1).cursor).toEqual(seen);
  });
});

describe('a write that fails', () => {
  it('is reported and repeated after a second, with the cursor of then', async () => {
    const { kept, writes, write, onWriteError } = keeper();
    kept.advance(at(1));
    await vi.advanceTimersByTimeAsync(100);
    kept.moveInMemory(at(2));
    const error = new Error('server away');
    await write(1).fail(error);
    expect(onWriteError.mock.calls).toEqual([[error]]);
    await vi.advanceTimersByTimeAsync(999);
    expect(writes).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(write(2).cursor).toEqual(at(2));
  });

  it('is repeated until it succeeds', async () => {
    const { kept, write, onWriteError } = keeper();
    kept.advance(at(1));
    await vi.advanceTimersByTimeAsync(100);
    for (const number of [1, 2, 3]) {
      await write(number).fail(new Error('server away'));
      await vi.advanceTimersByTimeAsync(1_000);
    }
    await write(4).end('written');
    expect(onWriteError).toHaveBeenCalledTimes(3);
    await vi.advanceTimersByTimeAsync(RENEW_MS - 1);
    write(4);
  });
});

describe('once somebody else has the lease', () => {
  it('nothing is written any more, and it is said once', async () => {
    const { kept, write, onFenced } = keeper();
    kept.advance(at(1));
    await vi.advanceTimersByTimeAsync(100);
    kept.advance(at(2));
    expect(kept.fenced).toBe(false);
    await write(1).end('fenced');
    expect(kept.fenced).toBe(true);
    kept.advance(at(3));
    await vi.advanceTimersByTimeAsync(10 * RENEW_MS);
    await kept.close();
    write(1);
    expect(onFenced).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('the last write may be the one that finds out', async () => {
    const { kept, write, onFenced } = keeper();
    kept.advance(at(1));
    const closed = kept.close();
    await vi.advanceTimersByTimeAsync(0);
    await write(1).end('fenced');
    await closed;
    expect(kept.fenced).toBe(true);
    expect(onFenced).toHaveBeenCalledOnce();
  });
});

describe('whether the lease is surely ours', () => {
  it('is so for as long as the lease is, from the beginning of the last write', async () => {
    const { kept, write } = keeper();
    await vi.advanceTimersByTimeAsync(RENEW_MS);
    await vi.advanceTimersByTimeAsync(500);
    await write(1).end('written');
    await vi.advanceTimersByTimeAsync(RENEW_MS - 1);
    expect(kept.leaseHolds).toBe(true);
    await vi.advanceTimersByTimeAsync(2 * RENEW_MS - 500);
    expect(kept.leaseHolds).toBe(true); // the next write has begun, and hangs
    await vi.advanceTimersByTimeAsync(1);
    expect(kept.leaseHolds).toBe(false);
  });

  it('is not so when the answer to the claim was longer in coming than the lease', async () => {
    const { kept, write, onLeaseRenewed } = keeper(START, performance.now() - 3 * RENEW_MS);
    expect(kept.leaseHolds).toBe(false);
    await vi.advanceTimersByTimeAsync(0);
    await write(1).end('written');
    expect(kept.leaseHolds).toBe(true);
    expect(onLeaseRenewed).toHaveBeenCalledOnce();
  });

  it('is said when a write shows it after all', async () => {
    const { kept, write, onLeaseRenewed } = keeper();
    await vi.advanceTimersByTimeAsync(4 * RENEW_MS);
    expect(kept.leaseHolds).toBe(false);
    await write(1).fail(new Error('server away'));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(onLeaseRenewed).not.toHaveBeenCalled();
    await write(2).end('written');
    expect(kept.leaseHolds).toBe(true);
    expect(onLeaseRenewed).toHaveBeenCalledOnce();
  });

  it('is not so once somebody else has taken over', async () => {
    const { kept, write } = keeper();
    await vi.advanceTimersByTimeAsync(RENEW_MS);
    await write(1).end('fenced');
    expect(kept.leaseHolds).toBe(false);
  });
});

describe('a task that stores the cursor itself', () => {
  it('waits for the write under way, and no other is made before its end', async () => {
    const { kept, writes, write } = keeper();
    kept.advance(at(1));
    await vi.advanceTimersByTimeAsync(100);
    let end: (cursor: Cursor) => void = () => {};
    const stored = kept.exclusively(
      () =>
        new Promise((resolve) => {
          end = resolve;
        }),
    );
    await write(1).end('written');
    kept.advance(at(2));
    await vi.advanceTimersByTimeAsync(2 * RENEW_MS);
    expect(writes).toHaveLength(1);
    end(at(3));
    await stored;
    expect(kept.cursor).toEqual(at(3));
    await vi.advanceTimersByTimeAsync(100);
    expect(write(2).cursor).toEqual(at(3));
  });

  it('that fails leaves nothing to be written: what is stored is not known', async () => {
    const { kept, writes } = keeper();
    kept.advance(at(1));
    const error = new Error('lost during the commit');
    await expect(kept.exclusively(() => Promise.reject(error))).rejects.toBe(error);
    kept.advance(at(2));
    await vi.advanceTimersByTimeAsync(10 * RENEW_MS);
    await kept.close();
    expect(writes).toEqual([]);
  });
});

describe('at the end', () => {
  it('what is unstored is stored, without waiting', async () => {
    const { kept, write } = keeper();
    kept.advance(at(1));
    const closed = kept.close();
    await vi.advanceTimersByTimeAsync(0);
    expect(write(1).cursor).toEqual(at(1));
    await write(1).end('written');
    await closed;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('nothing is written when all is stored', async () => {
    const { kept, writes, write } = keeper();
    kept.advance(at(1));
    await vi.advanceTimersByTimeAsync(100);
    await write(1).end('written');
    await kept.close();
    expect(writes).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('the write under way ends first, and what came meanwhile is stored after it', async () => {
    const { kept, write } = keeper();
    kept.advance(at(1));
    await vi.advanceTimersByTimeAsync(100);
    kept.advance(at(2));
    const closed = kept.close();
    await vi.advanceTimersByTimeAsync(5_000);
    await write(1).end('written');
    expect(write(2).cursor).toEqual(at(2));
    await write(2).end('written');
    await closed;
  });

  it('what the write under way failed to store is stored after all', async () => {
    const { kept, write } = keeper();
    kept.advance(at(1));
    await vi.advanceTimersByTimeAsync(100);
    const closed = kept.close();
    await write(1).fail(new Error('server away'));
    expect(write(2).cursor).toEqual(at(1));
    await write(2).end('written');
    await closed;
  });

  it('a last write that fails is the error of the end', async () => {
    const { kept, write } = keeper();
    kept.advance(at(1));
    const closed = kept.close();
    const error = new Error('server away');
    const rejected = expect(closed).rejects.toBe(error);
    await vi.advanceTimersByTimeAsync(0);
    await write(1).fail(error);
    await rejected;
  });
});
