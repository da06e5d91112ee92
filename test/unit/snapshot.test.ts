import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  asSnapshot,
  BEFORE_EVERYTHING,
  includes,
  intersection,
  isVisible,
  partsOf,
} from '../../src/cursor/snapshot.ts';

describe('the text of a snapshot', () => {
  it.each([
    ['10:20:12,15', { xmin: 10n, xmax: 20n, xip: [12n, 15n] }],
    ['10:10:', { xmin: 10n, xmax: 10n, xip: [] }],
    ['7:9:7', { xmin: 7n, xmax: 9n, xip: [7n] }],
    [
      '9007199254740993:18446744073709551615:9007199254740993',
      { xmin: 9007199254740993n, xmax: 18446744073709551615n, xip: [9007199254740993n] },
    ],
  ])('%s is taken apart exactly', (text, parts) => {
    expect(partsOf(asSnapshot(text))).toEqual(parts);
  });

  it.each([
    '',
    '10',
    '10:20',
    '10:20:12,',
    '10:20:,12',
    '10:20:12,,13',
    '0:20:',
    '-1:20:',
    '10:20:x',
    ' 10:20:',
    '10:20:\n',
    '10:20:12:13',
    '1e3:20:',
    'null',
  ])('%j is refused', (text) => {
    expect(() => asSnapshot(text)).toThrow(new RangeError(`Not a snapshot: ${text}`));
  });
});

describe('a transaction', () => {
  const snapshot = asSnapshot('10:20:12,15');

  it.each([
    [1n, true, 'older than all that ran'],
    [11n, true, 'between those that ran'],
    [12n, false, 'running'],
    [15n, false, 'running'],
    [19n, true, 'the last that had ended'],
    [20n, false, 'the first that had not begun'],
    [21n, false, 'still to come'],
  ])('with the id %s is visible: %s (%s)', (xid, visible) => {
    expect(isVisible(xid, snapshot)).toBe(visible);
  });

  it('is never visible before everything', () => {
    for (const xid of [1n, 2n, 3n, 1_000_000n])
      expect(isVisible(xid, BEFORE_EVERYTHING)).toBe(false);
  });
});

describe('a snapshot includes another', () => {
  it.each([
    ['10:20:12', '10:20:12', true],
    ['10:20:', '10:20:12', true],
    ['10:20:12', '10:20:', false],
    ['15:30:22,25', '10:20:12,15', true],
    ['10:30:12,25', '10:20:12,15', true],
    ['10:30:11,25', '10:20:12,15', false],
    ['10:19:', '10:20:12', false],
    ['5:5:', BEFORE_EVERYTHING, true],
    [BEFORE_EVERYTHING, '5:5:', false],
  ])('%s, %s: %s', (later, earlier, expected) => {
    expect(includes(asSnapshot(later), asSnapshot(earlier))).toBe(expected);
  });

  it('just when it shows every transaction that the other shows', () => {
    // The transaction before xmax has ended: xmax is one past the highest that has.
    const snapshots = fc
      .record({ xmax: fc.integer({ min: 2, max: 9 }), running: fc.integer({ min: 0, max: 511 }) })
      .map(({ xmax, running }) => {
        const xip = Array.from({ length: xmax - 2 }, (_, index) => index + 1).filter(
          (xid) => (running >> (xid - 1)) % 2 === 1,
        );
        return asSnapshot(`${xip[0] ?? xmax}:${xmax}:${xip.join(',')}`);
      });
    fc.assert(
      fc.property(snapshots, snapshots, (later, earlier) => {
        const xids = Array.from({ length: 10 }, (_, index) => BigInt(index + 1));
        const shown = xids.every((xid) => !isVisible(xid, earlier) || isVisible(xid, later));
        expect(includes(later, earlier)).toBe(shown);
      }),
    );
  });
});

describe('the intersection of two snapshots', () => {
  const xids = fc.bigInt({ min: 1n, max: 12n });
  const snapshots = fc.tuple(xids, fc.uniqueArray(xids)).map(([xmax, running]) => {
    const xip = running.filter((xid) => xid < xmax).sort((a, b) => (a < b ? -1 : 1));
    return asSnapshot(`${xip[0] ?? xmax}:${xmax}:${xip.join(',')}`);
  });

  it('sees what both see', () => {
    fc.assert(
      fc.property(snapshots, snapshots, xids, (one, other, xid) => {
        const both = isVisible(xid, one) && isVisible(xid, other);
        expect(isVisible(xid, intersection(one, other))).toBe(both);
      }),
    );
  });
});
