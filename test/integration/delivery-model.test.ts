import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { ConsumersModel } from '../support/consumers-model.ts';
import { DeliveryFixture } from '../support/delivery-fixture.ts';
import { WritersModel } from '../support/writers-model.ts';

const fixture = new DeliveryFixture();
/** Each takes about 0.2 s. */
const RUNS = Number(process.env['PGWATCH_TEST_RUNS'] ?? 60);

const WRITERS = 3;
const PROCESSES = 2;

type Step = (writers: WritersModel, consumers: ConsumersModel) => Promise<void> | void;

const writer = fc.nat(WRITERS - 1);
const number = fc.nat(PROCESSES - 1);
const key = fc.constantFrom(null, 'a', 'b', 'c');

/** A step with its name, which a failure prints. */
function step<T>(name: string, arbitrary: fc.Arbitrary<T>, run: (value: T) => Step) {
  return arbitrary.map((value) => ({
    run: run(value),
    [fc.toStringMethod]: () => `${name} ${JSON.stringify(value)}`,
  }));
}

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: step('begin', writer, (n) => (writers) => writers.begin(n)) },
    { weight: 1, arbitrary: step('take id', writer, (n) => (writers) => writers.takeId(n)) },
    {
      weight: 12,
      arbitrary: step(
        'write',
        fc.record({ writer, key, count: fc.integer({ min: 1, max: 4 }) }),
        (write) => (writers) => writers.write(write.writer, write.key, write.count),
      ),
    },
    { weight: 2, arbitrary: step('savepoint', writer, (n) => (writers) => writers.savepoint(n)) },
    {
      weight: 1,
      arbitrary: step('rollback to', writer, (n) => (writers) => writers.rollBackToSavepoint(n)),
    },
    { weight: 6, arbitrary: step('commit', writer, (n) => (writers) => writers.end(n, 'commit')) },
    {
      weight: 1,
      arbitrary: step('rollback', writer, (n) => (writers) => writers.end(n, 'rollback')),
    },
    { weight: 3, arbitrary: step('start', number, (n) => (_, consumers) => consumers.start(n)) },
    { weight: 1, arbitrary: step('stop', number, (n) => (_, consumers) => consumers.stop(n)) },
    { weight: 1, arbitrary: step('kill', number, (n) => (_, consumers) => consumers.kill(n)) },
    {
      weight: 6,
      arbitrary: step('permit', fc.integer({ min: 1, max: 5 }), (count) => (_, consumers) => {
        consumers.permit(count);
      }),
    },
    {
      weight: 1,
      arbitrary: step('fail', fc.constant(''), () => (_, consumers) => consumers.fail()),
    },
    {
      weight: 1,
      arbitrary: step('partitions', fc.integer({ min: 1, max: 3 }), (count) => (_, consumers) => {
        consumers.partitions = count;
      }),
    },
  ),
  { maxLength: 80, size: 'max' },
);

const shape = fc.record({
  concurrency: fc.integer({ min: 1, max: 3 }),
  batch: fc.integer({ min: 1, max: 4 }),
});

it('whatever writers and processes do, each committed notification is handled, in the order of its key', {
  timeout: 60_000 + RUNS * 1_000,
}, async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(steps, shape, async (all, wanted) => {
      const name = fixture.name(`_${++run}`);
      const writers = new WritersModel(fixture.database, name);
      const consumers = new ConsumersModel(fixture.database, name, wanted);
      for (const { run: act } of all) {
        await act(writers, consumers);
        expect(await consumers.coveredUnhandled()).toEqual([]);
      }
      await writers.commitAll();
      await consumers.stopAll();
      await consumers.start(0);
      consumers.permit(1_000);
      const { committed } = writers;
      await consumers.handled.until((handled) => new Set(handled).size >= committed.size);
      await consumers.stopAll();
      expect(await consumers.coveredUnhandled()).toEqual([]);

      const handled = consumers.handled.all;
      const firsts = [...new Set(handled)];
      expect(firsts.toSorted((a, b) => a - b)).toEqual(
        [...committed.keys()].toSorted((a, b) => a - b),
      );
      for (const one of new Set(committed.values())) {
        if (one === null) continue;
        const ofKey = firsts.filter((id) => committed.get(id) === one);
        expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b));
      }
      const most = Math.max(
        ...firsts.map((id) => handled.filter((other) => other === id).length),
        0,
      );
      expect(most).toBeLessThanOrEqual(1 + consumers.kills);
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
});
