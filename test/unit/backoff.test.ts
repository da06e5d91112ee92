import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { backoffMs } from '../../src/lifecycle/backoff.ts';

const LONGEST = 5_000;
const ALMOST_1 = 1 - Number.EPSILON;

it('doubles from 100 ms up to the longest pause', () => {
  const pauses = [1, 2, 3, 4, 5, 6, 7, 8, 100].map((n) => backoffMs(n, LONGEST, ALMOST_1));
  expect(pauses.map(Math.round)).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
});

it('leaves half of each pause to chance', () => {
  expect(backoffMs(3, LONGEST, 0)).toBe(200);
  expect(backoffMs(3, LONGEST, 0.5)).toBe(300);
});

it('keeps to a longest pause that is shorter than the first', () => {
  expect(backoffMs(1, 10, 0)).toBe(5);
  expect(backoffMs(9, 10, ALMOST_1)).toBeLessThanOrEqual(10);
});

it('is a pause between half the longest and the longest, after ever so many failures', () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 20, max: 2 ** 53 - 1 }), chance, (failures, random) => {
      const pause = backoffMs(failures, LONGEST, random);
      expect(pause).toBeGreaterThanOrEqual(LONGEST / 2);
      expect(pause).toBeLessThanOrEqual(LONGEST);
    }),
  );
});
