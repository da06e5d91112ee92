import { type Contender, createChanges, writeChanges } from '../contenders/contender.ts';
import { graphileTuned } from '../contenders/graphile.ts';
import { original } from '../contenders/original.ts';
import { pgBoss } from '../contenders/pg-boss.ts';
import { pgwatch } from '../contenders/pgwatch.ts';
import type { Measure, Scale, Turn } from '../harness/measure.ts';
import type { Site } from '../harness/site.ts';

const VARIANT = 'bulk';
/** What comes after the handling: batches of completions, the cursor. */
const SETTLE_MS = 1_000;

/** What the consumer's side has written: the log of the server, and rows that are dead now. */
interface Footprint {
  readonly walBytes: number;
  readonly deadTuples: number;
}

const NOTE =
  'One consumer. The rows are written in a transaction after a checkpoint, and a few before them are handled to warm up; what is counted begins with the commit and ends when the process has stopped. The backlog of the original is a tenth, of pg-boss half as large.';

export const wal: Measure = {
  name: 'wal',
  title: 'Write-ahead log written to handle a backlog of 200,000',
  unit: 'bytes per notification',
  better: 'lower',
  logarithmic: true,
  note: NOTE,
  turns: (scale) => turns(scale, ({ walBytes }) => walBytes),
  targets: [{ variant: VARIANT, contender: pgwatch.name, atMost: 2 }],
};

export const deadTuples: Measure = {
  name: 'dead-tuples',
  title: 'Rows left dead by handling a backlog of 200,000',
  unit: 'dead rows per notification',
  better: 'lower',
  logarithmic: true,
  note: `${NOTE} Rows updated and deleted, in all tables.`,
  turns: (scale) => turns(scale, (footprint) => footprint.deadTuples),
  targets: [],
};

function turns(scale: Scale, figure: (footprint: Footprint) => number): Turn[] {
  const rows = scale.of(200_000, 20_000);
  const handling = (contender: Contender, count: number): Turn => ({
    name: contender.name,
    async run(site) {
      const value = figure(await handle(site, contender, count)) / count;
      return [{ contender: contender.name, variant: VARIANT, value }];
    },
  });
  return [
    handling(pgwatch, rows),
    handling(graphileTuned, rows),
    handling(pgBoss, rows / 2),
    handling(original, rows / 10),
  ];
}

async function handle(site: Site, contender: Contender, rows: number): Promise<Footprint> {
  const warmUp = rows / 100;
  await createChanges(site);
  await contender.install(site);
  const worker = await contender.start(site, { expect: warmUp + rows });
  await site.client.query('checkpoint');
  await writeChanges(site, warmUp);
  while ((await worker.report()).count < warmUp) await sleep(50);
  await sleep(SETTLE_MS);
  await site.client.query('begin');
  await site.client.query(
    `insert into changes (n, body) select n, body
     from (select body from changes limit 1) one, generate_series(1, $1) n`,
    [rows],
  );
  const before = await walPosition(site);
  const deadBefore = await deadSoFar(site);
  await site.client.query('commit');
  await worker.done;
  await sleep(SETTLE_MS);
  // Ended sessions have reported what they did.
  process.kill(worker.pid, 'SIGTERM');
  await worker.ended;
  return {
    walBytes: (await walPosition(site)) - before,
    deadTuples: (await deadSoFar(site)) - deadBefore,
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

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
