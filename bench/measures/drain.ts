import type { Contender } from '../contenders/contender.ts';
import { createChanges, fileOf, writeChanges } from '../contenders/contender.ts';
import { graphileDefault, graphileTuned } from '../contenders/graphile.ts';
import { pgBoss } from '../contenders/pg-boss.ts';
import { type PgwatchOptions, pgwatch } from '../contenders/pgwatch.ts';
import type { Measure, Sample, Turn } from '../harness/measure.ts';
import { startWorker, type Worker } from '../harness/worker.ts';
import { doneOrGivenUp } from './paced-run.ts';

const GIVEN_UP_AFTER_MS = 90_000;
const WHOLE = 'whole process';
const STEADY = 'steady';
const FLOOR = 'SELECT loop (pg)';

export const drain: Measure = {
  name: 'drain',
  title: 'Drain a backlog of 200,000',
  unit: 'notifications/s',
  better: 'higher',
  logarithmic: true,
  note: 'A handler that does nothing, one consumer. Whole process: from the start of the program to its end (`pgwatch listen --once`). Steady: from the first to the last. The loop over SELECT parses what it reads; so does "pgwatch, reads data", whose handler asks for the payload. The backlog is a tenth of that for graphile-worker as it comes, a quarter tuned, half for pg-boss, to keep the run short.',
  turns: (scale) => {
    const rows = scale.of(200_000, 20_000);
    return [
      floor(rows),
      ours('pgwatch', rows, {}),
      ours('pgwatch, reads data', rows, { reads: true }),
      peer(graphileDefault, rows / 10),
      peer(graphileTuned, rows / 4),
      peer(pgBoss, rows / 2),
    ];
  },
  targets: [
    { variant: WHOLE, contender: 'pgwatch', beside: { contender: FLOOR }, atLeast: 0.85 },
    { variant: STEADY, contender: 'pgwatch', beside: { contender: FLOOR }, atLeast: 0.85 },
    {
      variant: STEADY,
      contender: 'pgwatch',
      beside: { contender: graphileTuned.name },
      atLeast: 6,
    },
    {
      variant: STEADY,
      contender: 'pgwatch',
      beside: { contender: graphileDefault.name },
      atLeast: 50,
    },
  ],
};

function floor(rows: number): Turn {
  return {
    name: FLOOR,
    async run(site) {
      await createChanges(site);
      await pgwatch.install(site);
      await writeChanges(site, rows);
      const worker = await startWorker(site, {
        file: fileOf('floor.mjs'),
        env: { BENCH_EXPECT: String(rows) },
        once: true,
      });
      return figures(FLOOR, worker, rows);
    },
  };
}

function ours(contender: string, rows: number, options: PgwatchOptions): Turn {
  return {
    name: contender,
    async run(site) {
      await createChanges(site);
      await pgwatch.install(site);
      await writeChanges(site, rows);
      const worker = await pgwatch.start(site, { ...options, expect: rows, once: true });
      return figures(contender, worker, rows);
    },
  };
}

async function figures(contender: string, worker: Worker, rows: number): Promise<Sample[]> {
  const { firstAt, lastAt } = await worker.done;
  await worker.ended;
  const { startedAt } = worker;
  const endedAt = Number(process.hrtime.bigint()) / 1e6;
  return [
    { contender, variant: WHOLE, value: (rows / (endedAt - startedAt)) * 1000 },
    { contender, variant: STEADY, value: (rows / (lastAt - firstAt)) * 1000 },
  ];
}

/** They have no end of their own that would compare, so only the steady rate is taken. */
function peer(contender: Contender, rows: number): Turn {
  return {
    name: contender.name,
    async run(site) {
      await createChanges(site);
      await contender.install(site);
      await writeChanges(site, rows);
      const worker = await contender.start(site, { expect: rows });
      const { count, firstAt, lastAt } = await doneOrGivenUp(worker, GIVEN_UP_AFTER_MS);
      return [
        { contender: contender.name, variant: STEADY, value: (count / (lastAt - firstAt)) * 1000 },
      ];
    },
  };
}
