import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Cursor, openWindow } from '../../src/cursor/cursor.ts';
import { Progress } from '../../src/cursor/progress.ts';
import { asSnapshot } from '../../src/cursor/snapshot.ts';

const START: Cursor = { seen: asSnapshot('5:5:'), window: undefined };
const UNTIL = asSnapshot('9:9:');
const LATER = asSnapshot('12:12:');
const end: Cursor = { seen: UNTIL, window: undefined };

/** A window of which the ids are fetched in two pages. */
function fetched(): Progress {
  const progress = new Progress(START);
  progress.add({
    ids: [1, 2, 3],
    cursor: openWindow(START, UNTIL, 0),
    last: false,
    isReplay: false,
  });
  progress.add({ ids: [7, 8], cursor: progress.fetchAfter, last: true, isReplay: true });
  return progress;
}

const at = (lastId: number): Cursor => ({ seen: START.seen, window: { until: UNTIL, lastId } });

describe('the cursor', () => {
  it('stays in front of the earliest notification that is not settled', () => {
    const progress = fetched();
    progress.settle(2);
    progress.settle(7);
    expect(progress.cursor).toEqual(START);
    expect(progress.uncovered).toBe(2);
    progress.settle(1);
    expect(progress.cursor).toEqual(at(2));
    progress.settle(3);
    expect(progress.cursor).toEqual(at(7));
    progress.settle(8);
    expect(progress.cursor).toEqual(end);
    expect(progress.uncovered).toBe(0);
  });

  it('does not move for what is settled twice, or was never fetched', () => {
    const progress = fetched();
    expect(progress.settle(1)).toMatchObject({ ids: [1, 2, 3] });
    expect(progress.settle(1)).toBeUndefined();
    expect(progress.settle(8)).toMatchObject({ ids: [7, 8] });
    expect(progress.settle(8)).toBeUndefined();
    expect(progress.settle(99)).toBeUndefined();
    expect(progress.cursor).toEqual(at(1));
    expect(progress.uncovered).toBe(1);
  });

  it('follows an empty fetch only when nothing before it is unsettled', () => {
    const progress = fetched();
    const nothing: Cursor = { seen: LATER, window: undefined };
    progress.seeNothing(nothing);
    expect(progress.fetchAfter).toEqual(nothing);
    expect(progress.cursor).toEqual(START);
    for (const id of [8, 7, 3, 2, 1]) progress.settle(id);
    expect(progress.cursor).toEqual(nothing);
  });

  it('says beforehand where the next one takes it', () => {
    const progress = fetched();
    expect(progress.cursorAfter(1)).toEqual(at(1));
    expect(progress.cursorAfter(2)).toEqual(START);
    for (const id of [1, 2, 3, 7]) progress.settle(id);
    expect(progress.cursorAfter(8)).toEqual(end);
  });
});

it('covers just what is settled without a gap, in whatever order they are settled', () => {
  const pages = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 });
  const order = fc.infiniteStream(fc.nat());
  fc.assert(
    fc.property(pages, order, (sizes, choices) => {
      const progress = new Progress(START);
      const choose = (options: number) => [...choices.take(1)].map((n) => n % options)[0] ?? 0;
      let id = 0;
      let cursor = openWindow(START, UNTIL, 0);
      const pageOf = new Map<number, number>();
      sizes.forEach((size, page) => {
        const ids = Array.from({ length: size }, () => ++id);
        for (const one of ids) pageOf.set(one, page);
        progress.add({ ids, cursor, last: page === sizes.length - 1, isReplay: false });
        cursor = progress.fetchAfter;
      });
      const open = Array.from({ length: id }, (_, index) => index + 1);
      while (open.length > 0) {
        const from = choose(open.length);
        const isOfPage = (one: number | undefined) =>
          one !== undefined && pageOf.get(one) === pageOf.get(open[from] ?? 0);
        let to = from + 1;
        while (isOfPage(open[to]) && choose(3) > 0) to += 1;
        const rows = open.map((one) => ({ id: one }));
        const [settled = 0, ...more] = open.splice(from, to - from);
        if (more.length === 0) progress.settle(settled);
        else progress.settleStretch(rows, from, to);
        const earliest = Math.min(...open, id + 1);
        const { window } = progress.cursor;
        if (earliest === id + 1) expect(progress.cursor).toEqual(end);
        else expect(window?.lastId ?? 0).toBe(earliest - 1);
        // The cursor covers what comes before the earliest that is open.
        expect(progress.uncovered).toBe(open.length === 0 ? 0 : id - open.length - (earliest - 1));
      }
    }),
  );
});
