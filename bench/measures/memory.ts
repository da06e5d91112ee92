import { setTimeout as pause } from 'node:timers/promises';
import { installed } from '../contenders/contender.ts';
import { oldLog } from '../contenders/filled-log.ts';
import { type PgwatchOptions, pgwatch } from '../contenders/pgwatch.ts';
import { fullOnly, type Measure, type Turn } from '../harness/measure.ts';
import {
  MEMORY_IS_KNOWN,
  type MemoryPoint,
  memoryUntil,
  residentMemory,
} from '../harness/resident-memory.ts';
import type { Template } from '../harness/site.ts';
import { percentile } from '../harness/statistics.ts';

const SMALL = '5 million rows';
const LARGE = '2,000 of 1 MB';
const LARGE_READ = '2,000 of 1 MB, payload read';
const IDLE = 'idle';
const NOW = 'after 3 s';
const PEAK = 'peak';
const PEAK_ABOVE = 'peak above idle';
const FIRST_HALF = 'first half, median';
const SECOND_HALF = 'second half, median';

/** As configured unless told otherwise: src/config/defaults.ts. */
const MAX_BATCH_MIB = 16;

const TABLE = 'memory';
const COURSE = 'memory-course';
/** Points of the course that are kept of each run. */
const POINTS = 200;

export const memory: Measure = {
  name: 'memory',
  seconds: { full: 90, quick: 7 },
  repeats: 2,
  deadlineSeconds: 400,
  tables: [
    {
      name: TABLE,
      title: 'Resident memory while a backlog is drained',
      unit: 'MiB',
      better: 'lower',
      floor: { title: '× idle', of: () => ({ contender: IDLE, variant: NOW }) },
      note: `Of the process of \`pgwatch listen\`, by /proc. Idle: another such process, 3 s after it began to listen on an empty log. The large payloads compress well, so PostgreSQL has little to read; to the daemon they are 1 MB each. A quick run only has them read. ${MEMORY_IS_KNOWN ? '' : 'Skipped: this system has no /proc.'}`,
      targets: [
        { contender: SMALL, variant: PEAK_ABOVE, atMost: 150 },
        {
          contender: SMALL,
          variant: SECOND_HALF,
          beside: { contender: SMALL, variant: FIRST_HALF },
          atMost: 1.1,
        },
        { contender: LARGE, variant: PEAK_ABOVE, atMost: 3 * MAX_BATCH_MIB },
        { contender: LARGE_READ, variant: PEAK_ABOVE, atMost: 3 * MAX_BATCH_MIB },
      ],
    },
    {
      name: COURSE,
      title: 'The course of it',
      unit: 'MiB',
      better: 'lower',
      course: { unit: 's since it was ready to listen' },
      note: '![The course of it](memory-course.svg)',
      targets: [],
    },
  ],
  turns: (scale) => {
    if (!MEMORY_IS_KNOWN) return [];
    const large = scale.of(2_000, 100);
    const small = scale.of(5_000_000, 50_000);
    const idle: Idle = { mebibytes: undefined };
    return [
      idling(idle, scale.of(3_000, 500)),
      draining(SMALL, small, oldLog(small), idle),
      fullOnly(draining(LARGE, large, largePayloads(large), idle)),
      draining(LARGE_READ, large, largePayloads(large), idle, { reads: true }),
    ];
  },
};

/** What a daemon takes that has nothing to do: found by one turn for those after it. */
interface Idle {
  mebibytes: number | undefined;
}

function idling(idle: Idle, afterMs: number): Turn {
  return {
    name: IDLE,
    template: installed(pgwatch),
    async run(site, record) {
      const worker = await pgwatch.start(site);
      await pause(afterMs);
      idle.mebibytes = residentMemory(worker.pid);
      record({ table: TABLE, contender: IDLE, variant: NOW, value: idle.mebibytes });
    },
  };
}

function draining(
  contender: string,
  rows: number,
  template: Template,
  idle: Idle,
  options: PgwatchOptions = {},
): Turn {
  return {
    name: contender,
    template,
    async run(site, record) {
      const worker = await pgwatch.start(site, { ...options, expect: rows });
      const { course, peak } = await memoryUntil(worker.pid, worker.done);
      const middle = Math.floor(course.length / 2);
      const line = { table: TABLE, contender };
      record(
        { ...line, variant: PEAK, value: peak },
        { ...line, variant: FIRST_HALF, value: medianOf(course.slice(0, middle + 1), peak) },
        { ...line, variant: SECOND_HALF, value: medianOf(course.slice(middle), peak) },
      );
      if (idle.mebibytes !== undefined) {
        record({ ...line, variant: PEAK_ABOVE, value: peak - idle.mebibytes });
      }
      const step = Math.ceil(course.length / POINTS);
      course.forEach(({ atMs, mebibytes: value }, index) => {
        if (index % step !== 0) return;
        record({ table: COURSE, contender, variant: (atMs / 1_000).toFixed(2), value });
      });
    },
  };
}

/** @param otherwise when it was over before the first look */
function medianOf(course: readonly MemoryPoint[], otherwise: number): number {
  const values = course.map(({ mebibytes }) => mebibytes);
  return percentile(values.length > 0 ? values : [otherwise], 0.5);
}

/** Nothing is played back to it. */
function largePayloads(rows: number): Template {
  const from = installed(pgwatch);
  return {
    ...from,
    name: `a log of ${rows} large payloads`,
    from,
    async prepare({ client }) {
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
    },
  };
}
