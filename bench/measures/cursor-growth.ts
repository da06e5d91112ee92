import { setTimeout as pause } from 'node:timers/promises';
import { installed } from '../contenders/contender.ts';
import { pgwatch } from '../contenders/pgwatch.ts';
import type { Measure } from '../harness/measure.ts';
import type { Site } from '../harness/site.ts';

const VARIANT = 'one consumer';
const PAUSE_MS = 10;

export const cursorGrowth: Measure = {
  name: 'cursor-growth',
  seconds: { full: 25, quick: 1 },
  repeats: 2,
  tables: [
    {
      name: 'cursor-growth',
      title: 'The table of cursors under a snapshot held for 20 s',
      unit: 'pages',
      better: 'lower',
      note: 'A hundred small transactions a second, each handled as it comes, while another session holds a snapshot, so that no version of a row can be cleaned away. Pages of 8 kB that the table grows by.',
      targets: [{ variant: VARIANT, contender: pgwatch.name, atMost: 8 }],
    },
  ],
  turns: (scale) => [
    {
      name: pgwatch.name,
      template: installed(pgwatch),
      async run(site, record) {
        const worker = await pgwatch.start(site);
        await holdSnapshot(site);
        const before = await pages(site);
        const end = performance.now() + scale.of(20_000, 500);
        let written = 0;
        for (; performance.now() < end; written += 1) {
          await site.client.query('insert into changes (n) values ($1)', [written]);
          await pause(PAUSE_MS);
        }
        const value = (await pages(site)) - before;
        const { count } = await worker.report();
        if (count < written / 2) throw new Error(`Only ${count} of ${written} were handled.`);
        record({ table: 'cursor-growth', contender: pgwatch.name, variant: VARIANT, value });
      },
    },
  ],
};

async function holdSnapshot(site: Site): Promise<void> {
  const holder = await site.connect();
  await holder.query('begin isolation level repeatable read');
  await holder.query('select count(*) from changes');
}

async function pages({ client }: Site): Promise<number> {
  const { rows } = await client.query(
    `select (pg_relation_size('pgwatch.consumer_cursor') / 8192)::int as pages`,
  );
  return rows[0].pages;
}
