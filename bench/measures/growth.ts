import { setTimeout as pause } from 'node:timers/promises';
import { writeChanges } from '../contenders/contender.ts';
import { extendedLog, oldLog } from '../contenders/filled-log.ts';
import { pgwatch } from '../contenders/pgwatch.ts';
import { latenciesOf } from '../harness/latencies.ts';
import type { Floor, Measure, Recorder, Target, Turn } from '../harness/measure.ts';
import { PacedWriter } from '../harness/paced-writer.ts';
import type { Site, Template } from '../harness/site.ts';
import { percentile } from '../harness/statistics.ts';

const SMALL = '10 thousand settled';
const LARGE = '1 million settled';
const HUGE = '10 million settled';
const BEHIND = 'a backlog of 5 million';

const LIVE = 'growth-live';
const DRAIN = 'growth-drain';
const P50 = 'p50';
const P99 = 'p99';
const EACH = 'for each 100,000';
const EACH_ROWS = 100_000;

/** The consumer begins at the end of the log: what is there is settled for it. */
const SETTLED = { config: { skipPlayback: true } };

const FLOOR: Floor = {
  title: `× ${SMALL}`,
  of: ({ variant }) => ({ contender: SMALL, variant }),
};

export const growth: Measure = {
  name: 'growth',
  seconds: { full: 190, quick: 3 },
  repeats: 2,
  deadlineSeconds: 400,
  tables: [
    {
      name: LIVE,
      title: 'What a large log costs live traffic',
      unit: 'ms',
      better: 'lower',
      floor: FLOOR,
      note: '50 single writes a second, from the sending of the statement, so with its commit, to the handler. A quick run has one log, of 50 thousand rows.',
      targets: targets([LARGE, HUGE], [P50, P99]),
    },
    {
      name: DRAIN,
      title: 'What a large log costs a drain',
      unit: 'ms',
      better: 'lower',
      floor: FLOOR,
      note: '100,000 that were written while the daemon was down, from the first handled to the last; or a backlog of 5 million, and its time for each 100,000.',
      targets: targets([LARGE, HUGE, BEHIND], [EACH]),
    },
  ],
  turns: (scale) => {
    const five = oldLog(5_000_000);
    return scale.quick
      ? [beside(LARGE, oldLog(50_000), QUICK)]
      : [
          beside(SMALL, oldLog(10_000), FULL),
          beside(LARGE, oldLog(1_000_000), FULL),
          beside(HUGE, extendedLog(five, { rows: 5_000_000 }), FULL),
          behind(5_000_000, five),
        ];
  },
};

interface Amounts {
  readonly warmUpMs: number;
  readonly liveMs: number;
  readonly drained: number;
}

const FULL: Amounts = { warmUpMs: 1_000, liveMs: 10_000, drained: 100_000 };
const QUICK: Amounts = { warmUpMs: 300, liveMs: 500, drained: 5_000 };

function targets(contenders: readonly string[], variants: readonly string[]): Target[] {
  return contenders.flatMap((contender) =>
    variants.map((variant) => ({ contender, variant, beside: { contender: SMALL }, atMost: 1.1 })),
  );
}

function beside(contender: string, template: Template, amounts: Amounts): Turn {
  return {
    name: contender,
    template,
    async run(site, record) {
      const worker = await pgwatch.start(site, { times: true, ...SETTLED });
      const writer = await PacedWriter.open(site);
      const live = { rate: 50 };
      await writer.write({ ...live, until: pause(amounts.warmUpMs) });
      const written = await writer.write({ ...live, until: pause(amounts.liveMs) });
      const { fromSent } = await latenciesOf(worker, written);
      record(
        { table: LIVE, contender, variant: P50, value: percentile(fromSent, 0.5) },
        { table: LIVE, contender, variant: P99, value: percentile(fromSent, 0.99) },
      );
      await worker.stop();
      await writeChanges(site, amounts.drained);
      await site.client.query('vacuum analyze');
      await drainAll(site, contender, amounts.drained, record);
    },
  };
}

function behind(rows: number, template: Template): Turn {
  return {
    name: BEHIND,
    template,
    run: (site, record) => drainAll(site, BEHIND, rows, record),
  };
}

async function drainAll(
  site: Site,
  contender: string,
  rows: number,
  record: Recorder,
): Promise<void> {
  const worker = await pgwatch.start(site, { expect: rows, once: true });
  const { firstAt, lastAt } = await worker.done;
  await worker.ended;
  const value = ((lastAt - firstAt) / rows) * EACH_ROWS;
  record({ table: DRAIN, contender, variant: EACH, value });
}
