import { type Contender, createChanges, writeChanges } from '../contenders/contender.ts';
import { graphileTuned } from '../contenders/graphile.ts';
import { pgBoss } from '../contenders/pg-boss.ts';
import { pgwatch } from '../contenders/pgwatch.ts';
import { clean, type Hindrance, heldSnapshot, openWriter } from '../harness/hindrance.ts';
import type { Measure, Target, Turn } from '../harness/measure.ts';
import { doneOrGivenUp, pacedRun, percentileMs } from './paced-run.ts';

const TURNS: readonly (readonly [Contender, Hindrance])[] = [
  [pgwatch, clean],
  [pgwatch, openWriter],
  [pgwatch, heldSnapshot],
  [graphileTuned, clean],
  [graphileTuned, heldSnapshot],
  [pgBoss, clean],
  [pgBoss, heldSnapshot],
];

const ABOUT =
  'Open writer: a transaction that has written a row, and stays open. Held snapshot: a transaction that reads only, and stays open, while up to 200 others a second take an id.';

/** What is not drained by then is given up, and what was handled is counted. */
const PATIENCE_MS = 30_000;

const latencies = [50, 1_000].map(
  (rate): Measure => ({
    name: `trouble-latency-${rate}`,
    title: `From the write to the handler beside others, at ${rate.toLocaleString('en')} a second`,
    unit: 'ms',
    better: 'lower',
    note: `The median, as in latency-${rate}. ${ABOUT}`,
    turns: (scale) =>
      TURNS.map(([contender, hindrance]) => ({
        name: `${contender.name}, ${hindrance.name}`,
        async run(site) {
          const { fromSent } = await pacedRun(site, contender, rate, scale, hindrance.begin);
          const value = percentileMs(fromSent, 0.5);
          return [{ contender: contender.name, variant: hindrance.name, value }];
        },
      })),
    targets: besideClean({ atMost: 1 / 0.9 }),
  }),
);

const drained: Measure = {
  name: 'trouble-drain',
  title: 'Drain a backlog of 100,000 beside others',
  unit: 'notifications/s',
  better: 'higher',
  note: `From the first to the last, or what was handled within 30 s. ${ABOUT}`,
  turns: (scale) =>
    TURNS.map(([contender, hindrance]) => drain(contender, hindrance, scale.of(100_000, 20_000))),
  targets: besideClean({ atLeast: 0.9 }),
};

export const trouble: readonly Measure[] = [...latencies, drained];

function drain(contender: Contender, hindrance: Hindrance, rows: number): Turn {
  return {
    name: `${contender.name}, ${hindrance.name}`,
    async run(site) {
      await createChanges(site);
      await contender.install(site);
      await hindrance.begin(site);
      await writeChanges(site, rows);
      const worker = await contender.start(site, { expect: rows });
      const { count, firstAt, lastAt } = await doneOrGivenUp(worker, PATIENCE_MS);
      const value = (count / (lastAt - firstAt)) * 1000;
      return [{ contender: contender.name, variant: hindrance.name, value }];
    },
  };
}

function besideClean(bound: Pick<Target, 'atLeast' | 'atMost'>): Target[] {
  return [openWriter, heldSnapshot].map(({ name }) => ({
    variant: name,
    contender: pgwatch.name,
    beside: { contender: pgwatch.name, variant: clean.name },
    ...bound,
  }));
}
