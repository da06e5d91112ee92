import { type Contender, installed, writeChanges } from '../contenders/contender.ts';
import { graphileTuned } from '../contenders/graphile.ts';
import { pgBoss } from '../contenders/pg-boss.ts';
import { pgwatch } from '../contenders/pgwatch.ts';
import { clean, type Hindrance, heldSnapshot, openWriter } from '../harness/hindrance.ts';
import { latenciesOf, percentileMs } from '../harness/latencies.ts';
import {
  besideVariant,
  fullOnly,
  type Measure,
  type Scale,
  type Table,
  type Turn,
} from '../harness/measure.ts';
import { PacedWriter } from '../harness/paced-writer.ts';

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
  'Open writer: a transaction that has written a row, and stays open. Held snapshot: a transaction that reads only, and stays open, while up to 200 others a second take an id. A quick run has pgwatch, and graphile-worker under a held snapshot.';

/** What is not drained by then is given up, and what was handled is counted. */
const DRAIN_PATIENCE_MS = 30_000;
const DRAIN = 'trouble-drain';
const RATES = [50, 1_000];
/** Each of the 16 connections plans its first five executions anew. */
const WARM_UP_RATE = 200;

export const trouble: Measure = {
  name: 'trouble',
  seconds: { full: 230, quick: 13 },
  repeats: 2,
  tables: [
    ...RATES.map((rate) =>
      table(
        {
          name: latencyTable(rate),
          title: `From the write to the handler beside others, at ${rate.toLocaleString('en')} a second`,
          unit: 'ms',
          better: 'lower',
          note: `The median, as in latency-${rate}. ${ABOUT}`,
        },
        { atMost: 1 / 0.9 },
      ),
    ),
    table(
      {
        name: DRAIN,
        title: 'Drain a backlog of 100,000 beside others',
        unit: 'notifications/s',
        better: 'higher',
        note: `From the first to the last, or what was handled within 30 s. After the latencies, by a process of its own. ${ABOUT}`,
      },
      { atLeast: 0.9 },
    ),
  ],
  turns: (scale) =>
    TURNS.map(([contender, hindrance]) => {
      const made = turn(contender, hindrance, scale);
      return isInQuick(contender, hindrance) ? made : fullOnly(made);
    }),
};

/** The measure is about pgwatch; of the others, one shows that they can be hindered. */
function isInQuick(contender: Contender, hindrance: Hindrance): boolean {
  return contender === pgwatch || (contender === graphileTuned && hindrance === heldSnapshot);
}

function latencyTable(rate: number): string {
  return `trouble-latency-${rate}`;
}

function table(
  about: Pick<Table, 'name' | 'title' | 'unit' | 'better' | 'note'>,
  bound: { readonly atLeast?: number; readonly atMost?: number },
): Table {
  return {
    ...about,
    logarithmic: true,
    floor: besideVariant(clean.name),
    targets: [openWriter, heldSnapshot].map(({ name }) => ({
      variant: name,
      contender: pgwatch.name,
      beside: { contender: pgwatch.name, variant: clean.name },
      ...bound,
    })),
  };
}

function turn(contender: Contender, hindrance: Hindrance, scale: Scale): Turn {
  const line = { contender: contender.name, variant: hindrance.name };
  return {
    name: `${contender.name}, ${hindrance.name}`,
    template: installed(contender),
    async run(site, record) {
      await hindrance.begin(site);
      const writer = await PacedWriter.open(site);
      const live = await contender.start(site, { times: true });
      await writer.write({ rate: WARM_UP_RATE, rows: scale.of(WARM_UP_RATE, 80) });
      for (const rate of RATES) {
        const rows = Math.ceil(rate * scale.of(10, 0.2));
        const { fromSent } = await latenciesOf(live, await writer.write({ rate, rows }));
        record({ ...line, table: latencyTable(rate), value: percentileMs(fromSent, 0.5) });
      }
      await live.stop();
      const backlog = scale.of(100_000, 5_000);
      await writeChanges(site, backlog);
      await site.client.query('vacuum analyze');
      const worker = await contender.start(site, { expect: backlog });
      const { count, firstAt, lastAt } = await worker.doneOrGivenUp(DRAIN_PATIENCE_MS);
      record({ ...line, table: DRAIN, value: (count / (lastAt - firstAt)) * 1000 });
    },
  };
}
