import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  type Cursor,
  closeWindow,
  openWindow,
  seeNothingUpTo,
  settleUpTo,
} from '../../src/cursor/cursor.ts';
import { BEFORE_EVERYTHING, isVisible } from '../../src/cursor/snapshot.ts';
import {
  LogModel,
  type ModelLimits,
  type ModelRow,
  type ModelTransaction,
  xidOf,
} from '../support/log-model.ts';

const CHANNELS = ['a', 'b'];
const SLOTS = 4;

/** A consumer that fetches by the rules of src/log/window-reader.ts, one statement at a time. */
class ModelConsumer {
  readonly #log: LogModel;
  readonly #limits: ModelLimits;
  readonly handled = new Map<ModelRow, number>();
  #stored: Cursor = { seen: BEFORE_EVERYTHING, window: undefined };
  #cursor = this.#stored;
  #run = this.#consume();
  #handledInRun: ModelRow[] = [];

  constructor(log: LogModel, limits: ModelLimits) {
    this.#log = log;
    this.#limits = limits;
  }

  /** Runs on until a statement or a handler has ended. True: it found nothing to do. */
  step(): boolean {
    return this.#run.next().value === 'level';
  }

  store(): void {
    this.#stored = this.#cursor;
  }

  /** Everything since the last store is forgotten. */
  crash(): void {
    this.#cursor = this.#stored;
    this.#handledInRun = [];
    this.#run = this.#consume();
  }

  *#consume(): Generator<'working' | 'level', never> {
    for (;;) {
      let cursor = this.#cursor;
      let rows: readonly ModelRow[] = [];
      let last = false;
      while (rows.length === 0) {
        if (cursor.window !== undefined) {
          const page = this.#log.fetchPage(cursor.seen, cursor.window, this.#limits);
          yield 'working';
          ({ rows, last } = page);
          if (rows.length === 0) cursor = closeWindow(cursor);
          continue;
        }
        const fresh = this.#log.fetchFresh(cursor.seen, this.#limits);
        yield 'working';
        if (fresh.rows === undefined) {
          const beforeId = this.#log.findWindowStart(cursor.seen);
          yield 'working';
          cursor = openWindow(cursor, fresh.snapshot, beforeId);
          continue;
        }
        const [first] = fresh.rows;
        if (first === undefined) {
          this.#move(seeNothingUpTo(cursor, fresh.snapshot));
          cursor = this.#cursor;
          yield 'level';
          continue;
        }
        rows = fresh.rows;
        last = true;
        cursor = openWindow(cursor, fresh.snapshot, first.id - 1);
      }
      for (const row of rows) {
        this.#handle(row);
        cursor = settleUpTo(cursor, row.id);
        this.#move(cursor);
        yield 'working';
      }
      if (last) this.#move(closeWindow(cursor));
    }
  }

  #handle(row: ModelRow): void {
    expect(row.transaction.state).toBe('committed');
    if (row.key !== null) {
      const ofKey = ({ key, channel }: ModelRow) => key === row.key && CHANNELS.includes(channel);
      // In order within this run, and never before one that came earlier.
      expect(row.id).toBeGreaterThan(this.#handledInRun.findLast(ofKey)?.id ?? 0);
      for (const other of this.#log.rows.slice(0, row.id - 1).filter(ofKey)) {
        expect(other.transaction.state === 'rolled back' || this.handled.has(other)).toBe(true);
      }
    }
    this.#handledInRun.push(row);
    this.handled.set(row, (this.handled.get(row) ?? 0) + 1);
  }

  /** A cursor never covers what is not handled, nor what may still be written. */
  #move(cursor: Cursor): void {
    this.#cursor = cursor;
    for (const row of this.#log.rows) {
      if (!CHANNELS.includes(row.channel) || row.transaction.state === 'rolled back') continue;
      const covered =
        isVisible(xidOf(row), cursor.seen) ||
        (cursor.window !== undefined &&
          row.id <= cursor.window.lastId &&
          isVisible(xidOf(row), cursor.window.until));
      if (covered) expect(this.handled.has(row)).toBe(true);
    }
  }
}

type Action =
  | { readonly type: 'begin' | 'take xid' | 'commit' | 'roll back'; readonly slot: number }
  | {
      readonly type: 'write';
      readonly slot: number;
      readonly row: Pick<ModelRow, 'channel' | 'key' | 'bytes'>;
    }
  | { readonly type: 'consume' | 'store' | 'crash' };

const slot = fc.nat(SLOTS - 1);
const row = fc.record({
  channel: fc.constantFrom(...CHANNELS, 'not ours'),
  key: fc.constantFrom(null, 'x', 'y'),
  bytes: fc.integer({ min: 1, max: 5 }),
});
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: fc.constant('begin' as const), slot }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('take xid' as const), slot }) },
  { weight: 8, arbitrary: fc.record({ type: fc.constant('write' as const), slot, row }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('commit' as const), slot }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('roll back' as const), slot }) },
  { weight: 10, arbitrary: fc.record({ type: fc.constant('consume' as const) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('store' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('crash' as const) }) },
);

it('handles every committed row, in the order of its key, and no other', () => {
  const limits = fc.record({
    rows: fc.integer({ min: 1, max: 6 }),
    bytes: fc.integer({ min: 1, max: 20 }),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 150, size: 'max' }), limits, (actions, limit) => {
      const log = new LogModel(CHANNELS);
      const consumer = new ModelConsumer(log, limit);
      const transactions: ModelTransaction[] = Array.from({ length: SLOTS }, () => log.begin());
      const at = (index: number) => transactions[index] ?? log.begin();
      let crashes = 0;

      for (const step of actions) {
        if (step.type === 'begin') {
          if (at(step.slot).state !== 'running') transactions[step.slot] = log.begin();
        } else if (step.type === 'take xid') log.takeXid(at(step.slot));
        else if (step.type === 'write') log.write(at(step.slot), step.row);
        else if (step.type === 'commit') log.end(at(step.slot), 'committed');
        else if (step.type === 'roll back') log.end(at(step.slot), 'rolled back');
        else if (step.type === 'consume') consumer.step();
        else if (step.type === 'store') consumer.store();
        else {
          consumer.crash();
          crashes += 1;
        }
      }
      for (const transaction of transactions) log.end(transaction, 'committed');
      // The first time may be what a fetch from before the last commit found.
      for (let level = 0, steps = 0; level < 2; steps += 1) {
        if (consumer.step()) level += 1;
        expect(steps).toBeLessThan(10 * (log.rows.length + 1));
      }

      for (const written of log.rows) {
        const times = consumer.handled.get(written) ?? 0;
        const wanted =
          written.transaction.state === 'committed' && CHANNELS.includes(written.channel);
        expect(times).toBeGreaterThanOrEqual(wanted ? 1 : 0);
        expect(times).toBeLessThanOrEqual(wanted ? 1 + crashes : 0);
      }
    }),
    { numRuns: 500 },
  );
});
