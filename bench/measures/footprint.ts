import { setTimeout as pause } from 'node:timers/promises';
import { type Contender, installed, writeChanges } from '../contenders/contender.ts';
import { graphileTuned } from '../contenders/graphile.ts';
import { original } from '../contenders/original.ts';
import { pgBoss } from '../contenders/pg-boss.ts';
import { pgwatch } from '../contenders/pgwatch.ts';
import { besideContender, fullOnly, type Measure, type Turn } from '../harness/measure.ts';
import type { Site } from '../harness/site.ts';

const VARIANT = 'bulk';
const WAL = 'wal';
const DEAD = 'dead-tuples';

const NOTE =
  'One consumer. The rows are written in a transaction after a checkpoint, and a few before them are handled to warm up; what is counted begins with the commit and ends when the process has stopped. The backlog of the original and of graphile-worker is a tenth, of pg-boss half as large. A quick run has pgwatch and the original.';

/** What the consumer's side writes: the log of the server, and rows that are dead then. */
export const footprint: Measure = {
  name: 'footprint',
  seconds: { full: 70, quick: 4 },
  tables: [
    {
      name: WAL,
      title: 'Write-ahead log written to handle a backlog of 200,000',
      unit: 'bytes per notification',
      better: 'lower',
      logarithmic: true,
      floor: besideContender(original.name),
      note: NOTE,
      targets: [{ variant: VARIANT, contender: pgwatch.name, atMost: 2 }],
    },
    {
      name: DEAD,
      title: 'Rows left dead by handling a backlog of 200,000',
      unit: 'dead rows per notification',
      better: 'lower',
      logarithmic: true,
      floor: besideContender(original.name),
      note: `${NOTE} Rows updated and deleted, in all tables.`,
      targets: [],
    },
  ],
  turns: (scale) => {
    const rows = scale.of(200_000, 5_000);
    // What comes after the handling: batches of completions, the cursor.
    const settleMs = scale.of(1_000, 300);
    return [
      handling(pgwatch, rows, settleMs),
      // In one transaction, its add_jobs() reads all jobs for each: 200,000 took more than four minutes.
      fullOnly(handling(graphileTuned, rows / 10, settleMs)),
      fullOnly(handling(pgBoss, rows / 2, settleMs)),
      handling(original, rows / 10, settleMs),
    ];
  },
};

function handling(contender: Contender, rows: number, settleMs: number): Turn {
  return {
    name: contender.name,
    template: installed(contender),
    async run(site, record) {
      const warmUp = rows / 100;
      const worker = await contender.start(site, { expect: warmUp + rows });
      await site.client.query('checkpoint');
      await writeChanges(site, warmUp);
      await worker.handled(warmUp);
      await pause(settleMs);
      await site.client.query('begin');
      await writeChanges(site, rows);
      const walBefore = await walPosition(site);
      const deadBefore = await deadSoFar(site);
      await site.client.query('commit');
      await worker.done;
      await pause(settleMs);
      // Ended sessions have reported what they did.
      await worker.stop();
      const wal = (await walPosition(site)) - walBefore;
      const dead = (await deadSoFar(site)) - deadBefore;
      const line = { contender: contender.name, variant: VARIANT };
      record(
        { ...line, table: WAL, value: wal / rows },
        { ...line, table: DEAD, value: dead / rows },
      );
    },
  };
}

async function walPosition({ client }: Site): Promise<number> {
  const { rows } = await client.query(
    `select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8 as bytes`,
  );
  return rows[0].bytes;
}

async function deadSoFar({ client }: Site): Promise<number> {
  const { rows } = await client.query(
    'select sum(n_tup_upd + n_tup_del)::float8 as dead from pg_stat_user_tables',
  );
  return rows[0].dead;
}
