import { type Contender, installed } from '../contenders/contender.ts';
import { graphileDefault, graphileTuned } from '../contenders/graphile.ts';
import { bareListen, pgListen } from '../contenders/notify.ts';
import { original } from '../contenders/original.ts';
import { pgBoss } from '../contenders/pg-boss.ts';
import { pgwatch } from '../contenders/pgwatch.ts';
import { type Latencies, latenciesOf, percentileMs } from '../harness/latencies.ts';
import {
  besideContender,
  fullOnly,
  type Measure,
  type Sample,
  type Scale,
  type Table,
  type Target,
  type Turn,
} from '../harness/measure.ts';
import { PacedWriter } from '../harness/paced-writer.ts';

const CONTENDERS: readonly Contender[] = [
  bareListen,
  pgListen,
  pgwatch,
  original,
  graphileTuned,
  graphileDefault,
  pgBoss,
];

/** With them, a quick run has every contender: the others have turns of other measures there. */
const IN_QUICK: readonly Contender[] = [bareListen, pgListen, pgwatch];

const P50 = 'p50';
const P95 = 'p95';
const P99 = 'p99';

/** Rows a second, and for how many seconds. */
const PACES = [
  { rate: 1, full: 20, quick: 1 },
  { rate: 50, full: 10, quick: 0.3 },
  { rate: 1_000, full: 10, quick: 0.2 },
  { rate: 5_000, full: 8, quick: 0.1 },
];
/** Each of the 16 connections plans its first five executions anew. */
const WARM_UP = { rate: 200, full: 1, quick: 0.4 };

/** One table per rate. */
export const latency: Measure = {
  name: 'latency',
  seconds: { full: 480, quick: 8 },
  deadlineSeconds: 420,
  tables: PACES.map(({ rate }) => table(rate)),
  turns: (scale) =>
    CONTENDERS.map((contender) => {
      const made = turn(contender, scale);
      return IN_QUICK.includes(contender) ? made : fullOnly(made);
    }),
};

function tableName(rate: number): string {
  return `latency-${rate}`;
}

function table(rate: number): Table {
  return {
    name: tableName(rate),
    title: `From the write to the handler, at ${rate.toLocaleString('en')} a second`,
    unit: 'ms',
    better: 'lower',
    logarithmic: true,
    floor: besideContender(bareListen.name),
    note: 'One row for each transaction, over 16 connections that do not wait for the handler. p50, p95 and p99: from the sending of the statement, so with its execution and its commit, to the handler. From commit: from the acknowledgement that the writer got; 0.01 stands for nothing. Writer late: how far behind its pace the writer was, with 16 statements unanswered; where that is much, the server did not take that many a second, and the latencies are those at what it took. What was not handled 10 s after the last write counts as handled then. The rates follow each other in one run; each begins when all before is handled. A quick run has pgwatch and the two that only LISTEN.',
    targets: targets(),
  };
}

function turn(contender: Contender, scale: Scale): Turn {
  return {
    name: contender.name,
    template: installed(contender),
    async run(site, record) {
      const writer = await PacedWriter.open(site);
      const worker = await contender.start(site, { times: true });
      let rowsBefore = 0;
      const write = async ({ rate, full, quick }: (typeof PACES)[number]) => {
        await worker.handled(rowsBefore);
        const rows = Math.ceil(rate * scale.of(full, quick));
        rowsBefore += rows;
        return writer.write({ rate, rows });
      };
      await write(WARM_UP);
      for (const pace of PACES) {
        const written = await write(pace);
        record(...figures(pace.rate, contender, await latenciesOf(worker, written)));
      }
    },
  };
}

function figures(rate: number, { name: contender }: Contender, latencies: Latencies): Sample[] {
  const { fromSent, fromAcknowledged, writerLate } = latencies;
  const line = { table: tableName(rate), contender };
  return [
    { ...line, variant: P50, value: percentileMs(fromSent, 0.5) },
    { ...line, variant: P95, value: percentileMs(fromSent, 0.95) },
    { ...line, variant: P99, value: percentileMs(fromSent, 0.99) },
    { ...line, variant: 'p50 from commit', value: percentileMs(fromAcknowledged, 0.5) },
    { ...line, variant: 'writer late, p99', value: percentileMs(writerLate, 0.99) },
  ];
}

function targets(): Target[] {
  const ours = pgwatch.name;
  return [
    { variant: P50, contender: ours, beside: { contender: bareListen.name }, atMost: 1.3 },
    { variant: P99, contender: ours, atMost: 10 },
    ...[graphileTuned, pgBoss].flatMap(({ name }) =>
      [P50, P99].map((variant) => ({
        variant,
        contender: ours,
        beside: { contender: name },
        atMost: 1,
      })),
    ),
  ];
}
