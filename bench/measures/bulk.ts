import { BODY, type Contender, installed, noTrigger } from '../contenders/contender.ts';
import { original } from '../contenders/original.ts';
import { pgwatch } from '../contenders/pgwatch.ts';
import { besideContender, fullOnly, type Measure, type Turn } from '../harness/measure.ts';
import { clock } from '../harness/worker.ts';

const OPERATIONS = {
  INSERT: `insert into changes (n, body) select n, '${BODY}' from generate_series(1, $1::int) n`,
  UPDATE: 'update changes set n = -n where n <= $1',
  DELETE: 'delete from changes where n >= -$1::int',
};

const TABLE = 'bulk';

export const bulk: Measure = {
  name: 'bulk',
  seconds: { full: 25, quick: 2 },
  tables: [
    {
      name: TABLE,
      title: 'One statement that writes 100,000 rows',
      unit: 'ms',
      better: 'lower',
      logarithmic: true,
      floor: besideContender(noTrigger.name),
      note: 'The table is vacuumed before each statement. Nothing handles the changes meanwhile. A quick run is without the original.',
      targets: Object.keys(OPERATIONS).map((variant) => ({
        variant,
        contender: pgwatch.name,
        beside: { contender: original.name },
        atMost: 0.6,
      })),
    },
  ],
  turns: (scale) => {
    const rows = scale.of(100_000, 10_000);
    return [
      statements(noTrigger, rows),
      statements(pgwatch, rows),
      fullOnly(statements(original, rows)),
    ];
  },
};

function statements(contender: Contender, rows: number): Turn {
  return {
    name: contender.name,
    template: installed(contender),
    async run({ client }, record) {
      // The first of a session also compiles the functions.
      for (const operation of Object.values(OPERATIONS)) await client.query(operation, [1]);
      for (const [variant, operation] of Object.entries(OPERATIONS)) {
        await client.query('vacuum analyze');
        await client.query('checkpoint');
        const beginning = clock();
        await client.query(operation, [rows]);
        const value = clock() - beginning;
        record({ table: TABLE, contender: contender.name, variant, value });
      }
    },
  };
}
