import { describe, expect, it } from 'vitest';
import type { Committed } from '../chaos/committed.ts';
import { type Handling, parseRecord } from '../chaos/handlings.ts';
import { checkLog } from '../chaos/log-check.ts';
import { unexplainedRepeats } from '../chaos/repeats.ts';
import { type Evidence, judge } from '../chaos/verdict.ts';

function committedRows(...rows: [id: number, key: string, seq: number][]) {
  return new Map<number, Committed>(
    rows.map(([id, key, seq]) => [id, { id, channel: 'c', key, seq, at: 1_000 }]),
  );
}

function handled(...rows: [id: number, key: string, seq: number][]): Handling[] {
  return rows.map(([id, key, seq], index) => ({ id, key, seq, pid: 1, at: 1_001 + index }));
}

function verdictOn(evidence: Partial<Evidence>) {
  return judge({
    committed: committedRows([1, 'a', 1], [2, 'b', 1], [3, 'a', 2]),
    handlings: handled([1, 'a', 1], [2, 'b', 1], [3, 'a', 2]),
    deadLetters: new Set(),
    isCondemned: () => false,
    ...evidence,
  });
}

const FAULTLESS = { lost: 0, repeated: 0, rolledBack: 0, outOfOrder: 0 };

describe('the verdict on a consumer', () => {
  it('finds nothing where everything was handled once, in order', () => {
    expect(verdictOn({})).toMatchObject({ ...FAULTLESS, committed: 3, handled: 3 });
    expect(verdictOn({}).delay).toEqual({ median: 2, p99: 3, worst: 3 });
  });

  it('finds what was lost', () => {
    expect(verdictOn({ handlings: handled([1, 'a', 1], [3, 'a', 2]) })).toMatchObject({
      ...FAULTLESS,
      lost: 1,
    });
  });

  it('takes a dead letter for lost, unless it had to be one', () => {
    const evidence = {
      handlings: handled([1, 'a', 1], [3, 'a', 2]),
      deadLetters: new Set([2]),
    };
    expect(verdictOn(evidence)).toMatchObject({ lost: 1, deadLetters: 1 });
    expect(verdictOn({ ...evidence, isCondemned: (id) => id === 2 })).toMatchObject(FAULTLESS);
    expect(verdictOn({ ...evidence, deadLetters: new Set(), isCondemned: () => true }).lost).toBe(
      1,
    );
  });

  it('finds what was handled and is not in the log, or is something else there', () => {
    const rows = handled([1, 'a', 1], [2, 'b', 1], [3, 'a', 2]);
    expect(verdictOn({ handlings: [...rows, ...handled([4, 'a', 3])] })).toMatchObject({
      ...FAULTLESS,
      rolledBack: 1,
    });
    expect(verdictOn({ handlings: [...rows, ...handled([3, 'a', 3])] }).rolledBack).toBe(1);
    expect(verdictOn({ handlings: [...rows, ...handled([3, 'b', 2])] }).rolledBack).toBe(1);
  });

  it('finds a first handling after that of a later one of its key', () => {
    const handlings = handled([3, 'a', 2], [2, 'b', 1], [1, 'a', 1]);
    expect(verdictOn({ handlings })).toMatchObject({ ...FAULTLESS, outOfOrder: 1 });
  });

  it('lets keys overtake each other, and what has none', () => {
    expect(verdictOn({ handlings: handled([2, 'b', 1], [1, 'a', 1], [3, 'a', 2]) })).toMatchObject(
      FAULTLESS,
    );
    const committed = committedRows([1, '', 0], [2, '', 0]);
    const handlings = handled([2, '', 0], [1, '', 0]);
    expect(verdictOn({ committed, handlings })).toMatchObject(FAULTLESS);
  });

  it('counts repeats apart, which may begin anywhere before', () => {
    const handlings = handled([1, 'a', 1], [3, 'a', 2], [1, 'a', 1], [2, 'b', 1], [3, 'a', 2]);
    expect(verdictOn({ handlings })).toMatchObject({ ...FAULTLESS, repeated: 2 });
  });
});

describe('the check of the log', () => {
  const check = (rows: [number, string, number][], ends: [string, number][] = []) =>
    checkLog(committedRows(...rows).values(), new Map(ends));

  it('finds nothing where each key counts from 1 to where its row stands', () => {
    const rows: [number, string, number][] = [
      [1, 'a', 1],
      [2, 'b', 1],
      [3, '', 0],
      [4, 'a', 2],
    ];
    const ends: [string, number][] = [
      ['a', 2],
      ['untouched', 0],
    ];
    expect(check(rows, ends)).toEqual({ missing: 0, misplaced: 0 });
  });

  it('finds changes that are missing, also the last ones', () => {
    expect(check([[1, 'a', 2]])).toEqual({ missing: 1, misplaced: 0 });
    expect(check([[1, 'a', 1]], [['a', 3]])).toEqual({ missing: 2, misplaced: 0 });
  });

  it('finds a change that has another place among the ids, or is there twice', () => {
    const swapped: [number, string, number][] = [
      [1, 'a', 1],
      [2, 'a', 3],
      [3, 'a', 2],
    ];
    expect(check(swapped).misplaced).toBe(1);
    const twice: [number, string, number][] = [
      [1, 'a', 1],
      [2, 'a', 1],
    ];
    expect(check(twice).misplaced).toBe(1);
  });
});

describe('a record', () => {
  const LINE = '>17\tpublic.items:3\t5\t4711\t1795500000000';

  it('is read back', () => {
    const handling = { id: 17, key: 'public.items:3', seq: 5, pid: 4711, at: 1_795_500_000_000 };
    expect(parseRecord(LINE)).toEqual(handling);
    expect(parseRecord('>17\t\t0\t1\t1795500000000')?.key).toBe('');
  });

  it('is read behind the stump of another, which itself counts for nothing', () => {
    expect(parseRecord(`>99\tpublic.it${LINE}`)?.id).toBe(17);
    expect(parseRecord('>17\tpublic.items:3\t5\t47')).toBeUndefined();
    expect(parseRecord('>17\tpublic.items:3\t5\t4711\t17955')).toBeUndefined();
  });
});

describe('a repeat', () => {
  const [first, again] = [
    { id: 1, key: 'a', seq: 1, pid: 7, at: 100_000 },
    { id: 1, key: 'a', seq: 1, pid: 8, at: 120_000 },
  ];
  const hit = (pid: number | undefined, at: number) =>
    unexplainedRepeats(
      [first, again],
      [{ fault: { kind: 'restart', mode: 'fast', downFor: 1 }, pid, at, until: at + 1_000 }],
    );

  it('is explained by what hit its process, or the server, near the first handling', () => {
    expect([hit(7, 101_000), hit(7, 75_000), hit(undefined, 101_000)]).toEqual([0, 0, 0]);
  });

  it('is explained when whoever came second was frozen in the middle of it', () => {
    const target = { runs: undefined, daemon: 1 };
    const frozen = (pid: number, at: number) =>
      unexplainedRepeats(
        [first, again],
        [{ fault: { kind: 'freeze', target, for: 5 }, pid, at, until: at + 5_000 }],
      );
    expect([frozen(8, 114_500), frozen(8, 116_000)]).toEqual([0, 0]);
    expect([frozen(8, 110_000), frozen(8, 121_000), frozen(9, 116_000)]).toEqual([1, 1, 1]);
  });

  it('is not explained by what hit another process, or came much later', () => {
    expect([hit(8, 101_000), hit(7, 110_000), hit(undefined, 60_000)]).toEqual([1, 1, 1]);
  });

  it('has to be explained each time', () => {
    expect(unexplainedRepeats([first, again, { ...again, pid: 9 }], [])).toBe(2);
    expect(unexplainedRepeats([first, { ...again, id: 2 }], [])).toBe(0);
  });
});
