import { backlog, type Contender, fileOf } from '../contenders/contender.ts';
import { graphileDefault, graphileTuned } from '../contenders/graphile.ts';
import { pgBoss } from '../contenders/pg-boss.ts';
import { type PgwatchOptions, pgwatch } from '../contenders/pgwatch.ts';
import {
  besideContender,
  fullOnly,
  type Measure,
  type Sample,
  type Turn,
} from '../harness/measure.ts';
import { clock, startWorker, type Worker } from '../harness/worker.ts';

const GIVEN_UP_AFTER_MS = 90_000;
const WHOLE = 'whole process';
const STEADY = 'steady';
const FLOOR = 'SELECT loop (pg)';
const TABLE = 'drain';

export const drain: Measure = {
  name: 'drain',
  seconds: { full: 50, quick: 11 },
  tables: [
    {
      name: TABLE,
      title: 'Drain a backlog of 200,000',
      unit: 'notifications/s',
      better: 'higher',
      logarithmic: true,
      floor: besideContender(FLOOR),
      note: 'A handler that does nothing, one consumer. Whole process: from the start of the program to its end (`pgwatch listen --once`). Steady: from the first to the last. The loop over SELECT parses what it reads; so does "pgwatch, reads data", whose handler asks for the payload. The backlog is a tenth of that for graphile-worker as it comes, and half for pg-boss, to keep the run short. A quick run has the loop, pgwatch, and graphile-worker as it comes.',
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
    },
  ],
  turns: (scale) => {
    const rows = scale.of(200_000, 10_000);
    return [
      floor(rows),
      ours('pgwatch', rows, {}),
      fullOnly(ours('pgwatch, reads data', rows, { reads: true })),
      peer(graphileDefault, rows / 10),
      fullOnly(peer(graphileTuned, rows)),
      fullOnly(peer(pgBoss, rows / 2)),
    ];
  },
};

function floor(rows: number): Turn {
  return {
    name: FLOOR,
    template: backlog(pgwatch, rows),
    async run(site, record) {
      const worker = await startWorker(site, {
        file: fileOf('floor.mjs'),
        env: { BENCH_EXPECT: String(rows) },
        once: true,
      });
      record(...(await figures(FLOOR, worker, rows)));
    },
  };
}

function ours(contender: string, rows: number, options: PgwatchOptions): Turn {
  return {
    name: contender,
    template: backlog(pgwatch, rows),
    async run(site, record) {
      const worker = await pgwatch.start(site, { ...options, expect: rows, once: true });
      record(...(await figures(contender, worker, rows)));
    },
  };
}

async function figures(contender: string, worker: Worker, rows: number): Promise<Sample[]> {
  const { firstAt, lastAt } = await worker.done;
  await worker.ended;
  const endedAt = clock();
  const line = { table: TABLE, contender };
  return [
    { ...line, variant: WHOLE, value: (rows / (endedAt - worker.startedAt)) * 1000 },
    { ...line, variant: STEADY, value: (rows / (lastAt - firstAt)) * 1000 },
  ];
}

/** They have no end of their own that would compare, so only the steady rate is taken. */
function peer(contender: Contender, rows: number): Turn {
  return {
    name: contender.name,
    template: backlog(contender, rows),
    async run(site, record) {
      const worker = await contender.start(site, { expect: rows });
      const { count, firstAt, lastAt } = await worker.doneOrGivenUp(GIVEN_UP_AFTER_MS);
      const value = (count / (lastAt - firstAt)) * 1000;
      record({ table: TABLE, contender: contender.name, variant: STEADY, value });
    },
  };
}
