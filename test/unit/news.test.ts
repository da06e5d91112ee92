import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Cursor } from '../../src/cursor/cursor.ts';
import type { Interest } from '../../src/cursor/partition.ts';
import { asSnapshot, includes, isVisible, type Snapshot } from '../../src/cursor/snapshot.ts';
import { News } from '../../src/log/news.ts';
import { LogModel, type ModelRow, type ModelTransaction, xidOf } from '../support/log-model.ts';

const interest = { channels: ['a', 'b'], partition: { number: 0, of: 1 }, life: 'this' };
const levelAt = (seen: Snapshot): Cursor => ({ seen, window: undefined });

function newRow({ id, transaction, channel, key }: ModelRow) {
  const row = { id, channel, key, json: '{}', writtenAt: 0, traceparent: null };
  return { row, xid: String(xidOf({ id, transaction, channel, key, bytes: 0 })) };
}

interface Moment {
  readonly snapshot: Snapshot;
  /** What a statement could see then, by id. */
  readonly rows: readonly ModelRow[];
}

/** Transactions that begin, write and end in any order, and what could be seen in between. */
function historyOf(steps: readonly (readonly [number, number])[]): Moment[] {
  const log = new LogModel([]);
  const transactions: ModelTransaction[] = [];
  const moments: Moment[] = [];
  for (const [what, which] of steps) {
    const transaction = transactions[which % Math.max(transactions.length, 1)];
    if (what < 3 || transaction === undefined) transactions.push(log.begin());
    else if (what < 5) log.takeXid(transaction);
    else if (what < 12) {
      log.write(transaction, { channel: ['a', 'b', 'c'][which % 3] ?? 'a', key: null, bytes: 1 });
    } else log.end(transaction, what < 18 ? 'committed' : 'rolled back');
    const rows = log.rows.filter((row) => row.transaction.state === 'committed');
    moments.push({ snapshot: log.snapshot(), rows });
  }
  return moments;
}

it('gives whoever stands between its ends what came after, and nobody a row twice or too few', () => {
  const steps = fc.array(fc.tuple(fc.nat(19), fc.nat(50)), { minLength: 10, maxLength: 80 });
  const at = fc.nat(1000);
  let taken = 0;
  fc.assert(
    fc.property(steps, at, at, at, (history, from, to, where) => {
      const moments = historyOf(history);
      const [since, until] = [from % moments.length, to % moments.length].sort((a, b) => a - b);
      const begin = moments[since ?? 0];
      const end = moments[until ?? 0];
      const here = moments[where % moments.length];
      if (begin === undefined || end === undefined || here === undefined) return;
      const comesAfter = (seen: Snapshot) => end.rows.filter((row) => !isVisible(xidOf(row), seen));
      const news = new News(
        begin.snapshot,
        end.snapshot,
        'this',
        comesAfter(begin.snapshot).map(newRow),
      );
      const batch = news.after(levelAt(here.snapshot), interest);
      if (includes(here.snapshot, end.snapshot)) {
        expect(batch?.ids).toEqual([]);
        expect(batch?.cursor.seen).toBe(here.snapshot);
      } else if (includes(here.snapshot, begin.snapshot)) {
        const wanted = comesAfter(here.snapshot).filter(({ channel }) => channel !== 'c');
        taken += wanted.length;
        expect(batch?.ids).toEqual(wanted.map(({ id }) => id));
        expect(batch?.cursor.window?.until ?? batch?.cursor.seen).toBe(end.snapshot);
      } else {
        expect(batch).toBeUndefined();
      }
    }),
    { numRuns: 2_000 },
  );
  expect(taken).toBeGreaterThan(50);
});

it.each<[string, { cursor?: Partial<Cursor>; interest?: Partial<Interest> }]>([
  ['in a window', { cursor: { window: { until: asSnapshot('9:9:'), lastId: 1 } } }],
  ['with one partition of several', { interest: { partition: { number: 0, of: 2 } } }],
  ['claimed in another life of the server', { interest: { life: 'another' } }],
])('tells nothing to one that is %s', (_, { cursor = {}, interest: other = {} }) => {
  const rows = [
    newRow({
      id: 1,
      transaction: { xid: 12n, state: 'committed' },
      channel: 'a',
      key: null,
      bytes: 1,
    }),
  ];
  const news = new News(asSnapshot('10:10:'), asSnapshot('20:20:'), 'this', rows);
  const level = levelAt(asSnapshot('10:10:'));
  expect(news.after({ ...level, ...cursor }, { ...interest, ...other })).toBeUndefined();
  expect(news.isTaken).toBe(false);
  expect(news.after(level, interest)?.ids).toEqual([1]);
  expect(news.isTaken).toBe(true);
});
