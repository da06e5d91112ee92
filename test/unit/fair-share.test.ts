import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fairShare } from '../../src/cursor/fair-share.ts';

const holdings = fc
  .uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 9 })
  .chain((names) =>
    fc
      .tuple(...names.map((name) => fc.tuple(fc.constant(name), fc.nat(9))))
      .map((entries) => new Map(entries)),
  );

const sharesOf = (partitions: number, held: ReadonlyMap<string, number>) =>
  [...held.keys()].map((name) => fairShare(partitions, held, name));

it('the shares make up the whole, and differ by one at most', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), holdings, (partitions, held) => {
      const shares = sharesOf(partitions, held);
      expect(shares.reduce((sum, share) => sum + share, 0)).toBe(partitions);
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
    }),
  );
});

it('whoever holds a fair share keeps it, however the names sort', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), holdings, (partitions, held) => {
      const fair = new Map(
        [...held.keys()].map((name) => [name, fairShare(partitions, held, name)]),
      );
      for (const [name, share] of fair) expect(fairShare(partitions, fair, name)).toBe(share);
    }),
  );
});

it('who is not among the processes has no share', () => {
  expect(fairShare(4, new Map([['a', 4]]), 'b')).toBe(0);
});
