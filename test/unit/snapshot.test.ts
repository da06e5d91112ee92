import { describe, expect, it } from 'vitest';
import { asSnapshot, BEFORE_EVERYTHING, isVisible, partsOf } from '../../src/cursor/snapshot.ts';

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
