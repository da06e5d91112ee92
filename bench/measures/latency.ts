import type { Contender } from '../contenders/contender.ts';
import { graphileDefault, graphileTuned } from '../contenders/graphile.ts';
import { bareListen, pgListen } from '../contenders/notify.ts';
import { original } from '../contenders/original.ts';
import { pgBoss } from '../contenders/pg-boss.ts';
import { pgwatch } from '../contenders/pgwatch.ts';
import type { Measure, Sample, Target } from '../harness/measure.ts';
import { pacedRun, percentileMs } from './paced-run.ts';

const CONTENDERS: readonly Contender[] = [
  bareListen,
  pgListen,
  pgwatch,
  original,
  graphileTuned,
  graphileDefault,
  pgBoss,
];

const P50 = 'p50';
const P95 = 'p95';
const P99 = 'p99';

/** One measure per rate. */
export const latency: readonly Measure[] = [1, 50, 1_000, 5_000].map((rate) => ({
  name: `latency-${rate}`,
  title: `From the write to the handler, at ${rate.toLocaleString('en')} a second`,
  unit: 'ms',
  better: 'lower',
  logarithmic: true,
  note: 'One row for each transaction, over 16 connections that do not wait for the handler. p50, p95 and p99: from the sending of the statement, so with its execution and its commit, to the handler. From commit: from the acknowledgement that the writer got; 0.01 stands for nothing. Writer late: how far behind its pace the writer was, with 16 statements unanswered; where that is much, the server did not take that many a second, and the latencies are those at what it took. What was not handled 10 s after the last write counts as handled then.',
  turns: (scale) =>
    CONTENDERS.map((contender) => ({
      name: contender.name,
      run: async (site) => figures(contender, await pacedRun(site, contender, rate, scale)),
    })),
  targets: targets(),
}));

function figures(
  { name: contender }: Contender,
  { fromSent, fromAcknowledged, writerLate }: Awaited<ReturnType<typeof pacedRun>>,
): Sample[] {
  return [
    { contender, variant: P50, value: percentileMs(fromSent, 0.5) },
    { contender, variant: P95, value: percentileMs(fromSent, 0.95) },
    { contender, variant: P99, value: percentileMs(fromSent, 0.99) },
    { contender, variant: 'p50 from commit', value: percentileMs(fromAcknowledged, 0.5) },
    { contender, variant: 'writer late, p99', value: percentileMs(writerLate, 0.99) },
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
