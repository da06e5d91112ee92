import { BODY, type Contender, createChanges, noTrigger } from '../contenders/contender.ts';
import { original } from '../contenders/original.ts';
import { pgwatch } from '../contenders/pgwatch.ts';
import type { Measure, Turn } from '../harness/measure.ts';
import { clock } from '../harness/worker.ts';

const OPERATIONS = {
  INSERT: `insert into changes (n, body) select n, '${BODY}' from generate_series(1, $1::int) n`,
  UPDATE: 'update changes set n = -n where n <= $1',
  DELETE: 'delete from changes where n >= -$1::int',
};

export const bulk: Measure = {
  name: 'bulk',
  title: 'One statement that writes 100,000 rows',
  unit: 'ms',
  better: 'lower',
  note: 'The table is vacuumed before each statement. Nothing handles the changes meanwhile.',
  turns: (scale) =>
    [noTrigger, pgwatch, original].map((contender) =>
      statements(contender, scale.of(100_000, 10_000)),
    ),
  targets: Object.keys(OPERATIONS).map((variant) => ({
    variant,
    contender: pgwatch.name,
    beside: { contender: original.name },
    atMost: 0.6,
  })),
};

function statements(contender: Contender, rows: number): Turn {
  return {
    name: contender.name,
    async run(site) {
      const { client } = site;
      await createChanges(site);
      await contender.install(site);
      // The first of a session also compiles the functions.
      for (const operation of Object.values(OPERATIONS)) await client.query(operation, [1]);
      const samples = [];
      for (const [variant, operation] of Object.entries(OPERATIONS)) {
        await client.query('vacuum analyze');
        await client.query('checkpoint');
        const beginning = clock();
        await client.query(operation, [rows]);
        samples.push({ contender: contender.name, variant, value: clock() - beginning });
      }
      return samples;
    },
  };
}
