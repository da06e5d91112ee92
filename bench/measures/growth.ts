import { setTimeout as pause } from 'node:timers/promises';
import { createChanges, writeChanges } from '../contenders/contender.ts';
import { fillLog } from '../contenders/filled-log.ts';
import { pgwatch } from '../contenders/pgwatch.ts';
import type { Measure, Target, Turn } from '../harness/measure.ts';
import type { Site } from '../harness/site.ts';
import { percentile } from '../harness/statistics.ts';
import { LiveTraffic } from './live-traffic.ts';

const SMALL = '10 thousand settled';
const LARGE = '1 million settled';
const HUGE = '10 million settled';
const BEHIND = 'a backlog of 5 million';

const P50 = 'live, p50';
const P99 = 'live, p99';
const DRAINED = 100_000;
const DRAIN = 'drain, for each 100,000';

/** The consumer begins at the end of the log: what is there is settled for it. */
const SETTLED = { config: { skipPlayback: true } };

export const growth: Measure = {
  name: 'growth',
  title: 'What a large log costs',
  unit: 'ms',
  better: 'lower',
  logarithmic: true,
  repeats: 1,
  note: 'Live: 50 single writes a second, from the sending of the statement, so with its commit, to the handler. Drain: 100,000 that were written while the daemon was down, from the first handled to the last. A quick run has logs of 1 and 50 thousand rows, and none of the others.',
  turns: (scale) =>
    scale.quick
      ? [beside(SMALL, 1_000, 2), beside(LARGE, 50_000, 2)]
      : [
          beside(SMALL, 10_000, 10),
          beside(LARGE, 1_000_000, 10),
          beside(HUGE, 10_000_000, 10),
          behind(5_000_000),
        ],
  targets: [
    ...[LARGE, HUGE].flatMap((contender) =>
      [P50, P99, DRAIN].map(
        (variant): Target => ({ contender, variant, beside: { contender: SMALL }, atMost: 1.1 }),
      ),
    ),
    { contender: BEHIND, variant: DRAIN, beside: { contender: SMALL }, atMost: 1.1 },
  ],
};

function beside(contender: string, settled: number, seconds: number): Turn {
  return {
    name: contender,
    async run(site) {
      await prepare(site, settled);
      const live = await pgwatch.start(site, { times: true, ...SETTLED });
      const traffic = new LiveTraffic(site, live, 50);
      await traffic.until(pause(1_000));
      const latencies = await traffic.until(pause(seconds * 1_000));
      await live.stop();
      await writeChanges(site, DRAINED);
      return [
        { contender, variant: P50, value: percentile(latencies, 0.5) },
        { contender, variant: P99, value: percentile(latencies, 0.99) },
        { contender, variant: DRAIN, value: await drainTime(site, DRAINED) },
      ];
    },
  };
}

function behind(backlog: number): Turn {
  return {
    name: BEHIND,
    async run(site) {
      await prepare(site, backlog);
      return [{ contender: BEHIND, variant: DRAIN, value: await drainTime(site, backlog) }];
    },
  };
}

async function prepare(site: Site, rows: number): Promise<void> {
  await createChanges(site);
  await pgwatch.install(site);
  await fillLog(site, { rows });
}

/** @returns milliseconds for each 100,000 */
async function drainTime(site: Site, rows: number): Promise<number> {
  const worker = await pgwatch.start(site, { expect: rows, once: true });
  const { firstAt, lastAt } = await worker.done;
  await worker.ended;
  return ((lastAt - firstAt) / rows) * DRAINED;
}
