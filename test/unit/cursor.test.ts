import { describe, expect, it } from 'vitest';
import {
  type Cursor,
  closeWindow,
  openWindow,
  seeNothingUpTo,
  settleUpTo,
} from '../../src/cursor/cursor.ts';
import { asSnapshot } from '../../src/cursor/snapshot.ts';

const SEEN = asSnapshot('10:20:12,15');
const UNTIL = asSnapshot('15:30:15');

const level: Cursor = { seen: SEEN, window: undefined };
const inWindow = openWindow(level, UNTIL, 99);

describe('a level cursor', () => {
  it('opens a window just before the first id in it, and still has seen what it had', () => {
    expect(inWindow).toEqual({ seen: SEEN, window: { until: UNTIL, lastId: 99 } });
  });

  it('moves on to the snapshot of a fetch that found nothing', () => {
    expect(seeNothingUpTo(level, UNTIL)).toEqual({ seen: UNTIL, window: undefined });
  });

  it('has nothing to settle and no window to close', () => {
    expect(() => settleUpTo(level, 100)).toThrow(new RangeError('The cursor is in no window.'));
    expect(() => closeWindow(level)).toThrow(new RangeError('The cursor is in no window.'));
  });
});

describe('a cursor inside a window', () => {
  it('settles ids without having seen more', () => {
    expect(settleUpTo(inWindow, 100)).toEqual({
      seen: SEEN,
      window: { until: UNTIL, lastId: 100 },
    });
  });

  it('may settle the same id again', () => {
    expect(settleUpTo(inWindow, 99)).toEqual(inWindow);
  });

  it('never goes back', () => {
    expect(() => settleUpTo(inWindow, 98)).toThrow(
      new RangeError('The cursor cannot go back from 99 to 98.'),
    );
  });

  it('has seen the whole window when it closes', () => {
    expect(closeWindow(settleUpTo(inWindow, 100))).toEqual({ seen: UNTIL, window: undefined });
  });

  it('opens no second window, and skips none of this one', () => {
    const inside = new RangeError('The cursor is inside a window.');
    expect(() => openWindow(inWindow, UNTIL, 100)).toThrow(inside);
    expect(() => seeNothingUpTo(inWindow, UNTIL)).toThrow(inside);
  });
});

it('is a value: every step gives a new one', () => {
  const before = structuredClone(inWindow);
  settleUpTo(inWindow, 500);
  closeWindow(inWindow);
  expect(inWindow).toEqual(before);
});
