import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Lanes } from '../../src/delivery/lanes.ts';
import type { Item } from '../../src/delivery/waiting-items.ts';

let lastId = 0;

function item(key: string | null = null, parts: Partial<Item> = {}): Item {
  lastId += 1;
  const row = { id: lastId, channel: 'c', key, json: '{}', writtenAt: 0, traceparent: null };
  return { row, attempts: 0, isReplay: false, from: 'log', ...parts };
}

function lanesWith(items: readonly Item[], limits = { concurrency: 1, batchSize: 1 }): Lanes {
  const lanes = new Lanes(limits);
  for (const one of items) lanes.add(one);
  return lanes;
}

/** Takes all that may begin now. */
function begin(lanes: Lanes): (readonly Item[])[] {
  const calls: (readonly Item[])[] = [];
  for (let call = lanes.next(); call !== undefined; call = lanes.next()) calls.push(call);
  return calls;
}

describe('one at a time', () => {
  it('is the order in which they came, whatever their keys', () => {
    const items = ['a', 'a', 'b', null, 'a'].map((key) => item(key));
    const lanes = lanesWith(items);
    const taken: Item[] = [];
    for (let call = lanes.next(); call !== undefined; call = lanes.next()) {
      expect(lanes.next()).toBeUndefined();
      taken.push(...call);
      lanes.done(call);
    }
    expect(taken).toEqual(items);
    expect(lanes.isIdle).toBe(true);
  });
});

describe('several side by side', () => {
  it('are of different keys; one without a key waits for nobody', () => {
    const [a1, a2, b1, none, c1] = ['a', 'a', 'b', null, 'c'].map((key) => item(key));
    if (!a1 || !a2 || !b1 || !none || !c1) throw new Error('five were made');
    const lanes = lanesWith([a1, a2, b1, none, c1], { concurrency: 3, batchSize: 1 });
    expect(begin(lanes)).toEqual([[a1], [b1], [none]]);
    expect(lanes.handling()).toEqual([a1, b1, none]);
  });

  it('go on with the next of a key when the one before it has ended', () => {
    const [a1, a2, b1] = [item('a'), item('a'), item('b')];
    const lanes = lanesWith([a1, a2, b1], { concurrency: 2, batchSize: 1 });
    const [first] = begin(lanes);
    if (first === undefined) throw new Error('nothing began');
    lanes.done(first);
    expect(begin(lanes)).toEqual([[a2]]);
  });

  it('take new notifications and redeliveries in turns', () => {
    const [n1, n2, r1, r2] = [
      item(),
      item(),
      item(null, { from: 'redelivery' }),
      item(null, { from: 'redelivery' }),
    ];
    const lanes = lanesWith([n1, n2, r1, r2], { concurrency: 9, batchSize: 1 });
    expect(begin(lanes)).toEqual([[r1], [n1], [r2], [n2]]);
  });
});

describe('a call with several notifications', () => {
  it('has at most so many, in order, also of one key', () => {
    const items = ['a', 'b', 'a', 'c'].map((key) => item(key));
    const lanes = lanesWith(items, { concurrency: 1, batchSize: 3 });
    expect(lanes.next()).toEqual(items.slice(0, 3));
  });

  it('has none of a key that another call has', () => {
    const [a1, a2, b1, b2] = [item('a'), item('a'), item('b'), item('b')];
    const lanes = lanesWith([a1, b1, a2, b2], { concurrency: 2, batchSize: 1 });
    expect(begin(lanes)).toEqual([[a1], [b1]]);
    const wide = lanesWith([a1, b1, a2, b2], { concurrency: 2, batchSize: 2 });
    expect(begin(wide)).toEqual([[a1, b1]]);
  });

  it('has what failed before alone', () => {
    const [r1, r2, r3] = [1, 0, 0].map((attempts) => item(null, { from: 'redelivery', attempts }));
    if (!r1 || !r2 || !r3) throw new Error('three were made');
    const lanes = lanesWith([r2, r1, r3], { concurrency: 9, batchSize: 9 });
    expect(begin(lanes)).toEqual([[r2], [r1], [r3]]);
  });
});

it('what waits with a key can be withdrawn, and nothing else', () => {
  const [a1, a2, b1, a3] = [item('a'), item('a'), item('b'), item('a', { from: 'redelivery' })];
  const lanes = lanesWith([a1, a2, b1], { concurrency: 1, batchSize: 1 });
  const call = lanes.next();
  lanes.add(a3);
  expect(lanes.withdraw('a')).toEqual([a2, a3]);
  if (call !== undefined) lanes.done(call);
  expect(begin(lanes)).toEqual([[b1]]);
});

it('what waits of redeliveries and what is being handled is held, what was withdrawn or has ended is not', () => {
  const large = (from: Item['from'], key: string) =>
    item(key, {
      from,
      row: { id: 1, channel: 'c', key, json: 'x'.repeat(99), writtenAt: 0, traceparent: null },
    });
  const lanes = lanesWith([large('redelivery', 'a'), large('redelivery', 'b')]);
  lanes.add(large('log', 'c'));
  expect(lanes.redeliveredBytes).toBe(200);
  const call = lanes.next();
  lanes.withdraw('b');
  expect(lanes.redeliveredBytes).toBe(100);
  if (call !== undefined) lanes.done(call);
  expect(lanes.redeliveredBytes).toBe(0);
});

describe('a stretch of new notifications', () => {
  const rowsOf = (...keys: readonly (string | null)[]) => keys.map((key) => item(key).row);
  const idsOf = (items: readonly Item[] | undefined) => items?.map(({ row }) => row.id);

  it('is passed without a lane, and what is left of it can be taken one by one', () => {
    const rows = rowsOf('a', 'a', 'b', null);
    const lanes = lanesWith([], { concurrency: 2, batchSize: 1 });
    lanes.addNew(rows, true);
    expect(lanes.stretch).toEqual({ rows, from: 0, isReplay: true });
    lanes.pass(1);
    expect(lanes.stretch).toEqual({ rows, from: 1, isReplay: true });
    expect(lanes.waiting('log')).toBe(3);
    const calls = begin(lanes);
    expect(calls).toEqual([
      [{ row: rows[1], attempts: 0, isReplay: true, from: 'log' }],
      [{ row: rows[2], attempts: 0, isReplay: true, from: 'log' }],
    ]);
    expect(lanes.stretch).toBeUndefined();
    for (const call of calls) lanes.done(call);
    expect(lanes.stretch).toEqual({ rows, from: 3, isReplay: true });
    lanes.pass(1);
    expect(lanes.isIdle).toBe(true);
  });

  it('waits while anything else waits before it or has its turn', () => {
    const lanes = lanesWith([item()], { concurrency: 1, batchSize: 1 });
    const rows = rowsOf(null);
    lanes.addNew(rows, false);
    expect(lanes.stretch).toBeUndefined();
    const first = lanes.next();
    if (first !== undefined) lanes.done(first);
    expect(lanes.stretch).toEqual({ rows, from: 0, isReplay: false });
    lanes.add(item('r', { from: 'redelivery' }));
    expect(lanes.stretch).toBeUndefined();
  });

  it('is nothing for calls with several', () => {
    const lanes = lanesWith([], { concurrency: 1, batchSize: 3 });
    const rows = rowsOf('a', 'b', 'c', 'd');
    lanes.addNew(rows, false);
    expect(lanes.stretch).toBeUndefined();
    expect(idsOf(lanes.next())).toEqual(rows.slice(0, 3).map(({ id }) => id));
  });

  it('keeps its order when some of it are withdrawn, and when it is long', () => {
    const rows = rowsOf(...Array.from({ length: 250 }, (_, n) => (n % 5 === 0 ? 'a' : 'b')));
    const more = rowsOf('a', 'b');
    const lanes = lanesWith([], { concurrency: 1, batchSize: 1 });
    lanes.addNew(rows, false);
    lanes.addNew(more, false);
    lanes.pass(120);
    lanes.pass(3);
    expect(lanes.waiting('log')).toBe(129);
    const left = [...rows.slice(123), ...more];
    expect(idsOf(lanes.withdraw('a'))).toEqual(
      left.filter(({ key }) => key === 'a').map(({ id }) => id),
    );
    const taken: number[] = [];
    for (let call = lanes.next(); call !== undefined; call = lanes.next()) {
      taken.push(...(idsOf(call) ?? []));
      lanes.done(call);
    }
    expect(taken).toEqual(left.filter(({ key }) => key === 'b').map(({ id }) => id));
    expect(lanes.isIdle).toBe(true);
  });
});

it('never has a key twice at a time nor out of order, whatever comes and ends when', () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ add: fc.constantFrom('a', 'b', 'c', null) }),
      fc.record({ end: fc.nat(5) }),
    ),
    { maxLength: 60 },
  );
  const limits = fc.record({
    concurrency: fc.integer({ min: 1, max: 4 }),
    batchSize: fc.integer({ min: 1, max: 3 }),
  });
  fc.assert(
    fc.property(steps, limits, (all, chosen) => {
      const lanes = new Lanes(chosen);
      const calls: (readonly Item[])[] = [];
      const lastOf = new Map<string, number>();
      const beginAll = () => {
        for (const call of begin(lanes)) {
          calls.push(call);
          for (const { row } of call) {
            if (row.key === null) continue;
            expect(row.id).toBeGreaterThan(lastOf.get(row.key) ?? 0);
            lastOf.set(row.key, row.id);
          }
        }
        expect(calls.length).toBeLessThanOrEqual(chosen.concurrency);
        const keys = calls.flatMap((call) => [...new Set(call.map(({ row }) => row.key))]);
        const named = keys.filter((key) => key !== null);
        expect(new Set(named).size).toBe(named.length);
      };
      for (const step of all) {
        if ('add' in step) lanes.add(item(step.add));
        else {
          const [ended] = calls.splice(step.end % Math.max(1, calls.length), 1);
          if (ended !== undefined) lanes.done(ended);
        }
        beginAll();
      }
      while (calls.length > 0) {
        const ended = calls.shift();
        if (ended !== undefined) lanes.done(ended);
        beginAll();
      }
      expect(lanes.isIdle).toBe(true);
    }),
  );
});
