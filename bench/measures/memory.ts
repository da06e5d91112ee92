import { setTimeout as pause } from 'node:timers/promises';
import { createChanges } from '../contenders/contender.ts';
import { fillLog } from '../contenders/filled-log.ts';
import { type PgwatchOptions, pgwatch } from '../contenders/pgwatch.ts';
import type { Measure, Turn } from '../harness/measure.ts';
import { MEMORY_IS_KNOWN, memoryUntil, residentMemory } from '../harness/resident-memory.ts';
import type { Site } from '../harness/site.ts';
import { summarize } from '../harness/statistics.ts';

const SMALL = '5 million rows';
const LARGE = '2,000 of 1 MB';
const LARGE_READ = '2,000 of 1 MB, payload read';
const PEAK = 'peak above idle';
const FIRST_HALF = 'first half, median';
const SECOND_HALF = 'second half, median';

/** As configured unless told otherwise: src/config/defaults.ts. */
const MAX_BATCH_MIB = 16;

export const memory: Measure = {
  name: 'memory',
  title: 'Resident memory while a backlog is drained',
  unit: 'MiB',
  better: 'lower',
  repeats: 1,
  note: `Of the process of \`pgwatch listen\`, by /proc. Idle: another such process, 3 s after it began to listen on an empty log. The large payloads compress well, so PostgreSQL has little to read; to the daemon they are 1 MB each. ${MEMORY_IS_KNOWN ? '' : 'Skipped: this system has no /proc.'}`,
  turns: (scale) => {
    if (!MEMORY_IS_KNOWN) return [];
    const small = scale.of(5_000_000, 50_000);
    const large = scale.of(2_000, 100);
    return [
      draining(SMALL, small, (site) => fillLog(site, { rows: small })),
      draining(LARGE, large, (site) => writeLarge(site, large)),
      draining(LARGE_READ, large, (site) => writeLarge(site, large), { reads: true }),
    ];
  },
  targets: [
    { contender: SMALL, variant: PEAK, atMost: 150 },
    {
      contender: SMALL,
      variant: SECOND_HALF,
      beside: { contender: SMALL, variant: FIRST_HALF },
      atMost: 1.1,
    },
    { contender: LARGE, variant: PEAK, atMost: 3 * MAX_BATCH_MIB },
    { contender: LARGE_READ, variant: PEAK, atMost: 3 * MAX_BATCH_MIB },
  ],
};

function draining(
  contender: string,
  rows: number,
  fill: (site: Site) => Promise<void>,
  options: PgwatchOptions = {},
): Turn {
  return {
    name: contender,
    async run(site) {
      await createChanges(site);
      await pgwatch.install(site);
      const idle = await idleMemory(site);
      await fill(site);
      const worker = await pgwatch.start(site, { ...options, expect: rows });
      const { course, peak } = await memoryUntil(worker.pid, worker.done);
      const middle = Math.floor(course.length / 2);
      return [
        { contender, variant: 'idle', value: idle },
        { contender, variant: PEAK, value: peak - idle },
        { contender, variant: FIRST_HALF, value: medianOf(course.slice(0, middle + 1), peak) },
        { contender, variant: SECOND_HALF, value: medianOf(course.slice(middle), peak) },
      ];
    },
  };
}

/** @param otherwise when it was over before the first look */
function medianOf(course: readonly number[], otherwise: number): number {
  return summarize(course.length > 0 ? course : [otherwise]).median;
}

async function idleMemory(site: Site): Promise<number> {
  const worker = await pgwatch.start(site);
  await pause(3_000);
  const idle = residentMemory(worker.pid);
  await worker.stop();
  return idle;
}

async function writeLarge({ client }: Site, rows: number): Promise<void> {
  await client.query(
    `select smart_notify('data_change', jsonb_build_object('text', repeat('x', 1000000)))`,
  );
  // Copies of the stored form: to make each of them would take long.
  await client.query(
    `insert into pgwatch.notification_log (channel, payload)
     select channel, payload from pgwatch.notification_log, generate_series(2, $1)`,
    [rows],
  );
  await client.query('vacuum analyze pgwatch.notification_log');
}
