import { describe, expect, it } from 'vitest';
import { evaluate } from '../../bench/harness/evaluation.ts';
import { besideContender, type Table } from '../../bench/harness/measure.ts';
import { percentile, summarize } from '../../bench/harness/statistics.ts';

describe('a percentile', () => {
  it('is the value in the middle, or what lies between the two', () => {
    expect(percentile([3, 1, 2], 0.5)).toBe(2);
    expect(percentile([4, 1, 2, 3], 0.5)).toBe(2.5);
  });

  it('sorts by number, and leaves what it was given as it is', () => {
    const values = [100, 20, 3];
    expect(percentile(values, 0.5)).toBe(20);
    expect(values).toEqual([100, 20, 3]);
  });

  it('reaches from the lowest to the highest, in proportion', () => {
    const values = [0, 10, 20, 30, 40];
    expect(percentile(values, 0)).toBe(0);
    expect(percentile(values, 0.99)).toBeCloseTo(39.6);
    expect(percentile(values, 1)).toBe(40);
  });

  it('is refused where there are no values', () => {
    expect(() => percentile([], 0.5)).toThrow(RangeError);
  });
});

it('repeated runs are summed up as their median and from where to where they went', () => {
  expect(summarize([5, 1, 3])).toEqual({ median: 3, low: 1, high: 5, runs: 3 });
  expect(summarize([7])).toEqual({ median: 7, low: 7, high: 7, runs: 1 });
});

describe('an evaluated table', () => {
  const table: Table = {
    name: 'speed',
    title: 'Speed',
    unit: 'rows/s',
    better: 'higher',
    floor: besideContender('floor'),
    note: '',
    targets: [
      { contender: 'ours', variant: 'a', beside: { contender: 'floor' }, atLeast: 0.4 },
      { contender: 'ours', variant: 'a', atMost: 10 },
      { contender: 'ours', variant: 'b', atLeast: 1 },
    ],
  };
  const sample = (contender: string, value: number, repeat: number, name = 'speed') => ({
    ...{ table: name, contender, variant: 'a' },
    ...{ value, repeat },
  });
  const samples = [
    sample('floor', 40, 1),
    sample('ours', 10, 1),
    sample('ours', 1_000, 1, 'another table'),
    sample('floor', 20, 2),
    sample('ours', 20, 2),
  ];

  it('has a line for each contender and variant, with its ratio to the floor', () => {
    expect(evaluate(table, samples).series).toEqual([
      {
        ...{ contender: 'floor', variant: 'a', ratio: 1 },
        summary: { median: 30, low: 20, high: 40, runs: 2 },
      },
      {
        ...{ contender: 'ours', variant: 'a', ratio: 0.5 },
        summary: { median: 15, low: 10, high: 20, runs: 2 },
      },
    ]);
  });

  it('tells targets that were met and missed from those that were not measured', () => {
    const verdicts = evaluate(table, samples).targets.map(({ verdict }) => verdict);
    expect(verdicts).toEqual(['met', 'missed', 'not measured']);
  });
});
