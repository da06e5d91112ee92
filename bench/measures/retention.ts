import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createChanges } from '../contenders/contender.ts';
import { fillLog } from '../contenders/filled-log.ts';
import { pgwatch } from '../contenders/pgwatch.ts';
import type { Measure, Sample, Scale } from '../harness/measure.ts';
import type { Site } from '../harness/site.ts';
import { percentile } from '../harness/statistics.ts';
import { clock, type Worker } from '../harness/worker.ts';
import { LiveTraffic } from './live-traffic.ts';

const PGWATCH = fileURLToPath(new URL('../../bin/pgwatch.mjs', import.meta.url));

const ALONE = 'live traffic alone';
const BESIDE = 'beside pgwatch cleanup';
const P99 = 'live, p99';

export const retention: Measure = {
  name: 'retention',
  title: 'Clean-up of 5 million of 6 million rows',
  unit: 'ms',
  better: 'lower',
  logarithmic: true,
  repeats: 1,
  note: 'Live: 200 single writes a second, from the sending of the statement, so with its commit, to the handler. Deletion: the time of the whole `pgwatch cleanup`, for each 10,000 rows it deleted.',
  turns: (scale) => [
    {
      name: 'clean-up',
      async run(site) {
        const worker = await prepare(site, scale);
        const traffic = new LiveTraffic(site, worker, 200);
        await traffic.until(pause(1_000));
        const alone = await traffic.until(pause(scale.of(10_000, 2_000)));
        const cleaning = cleanUp(site);
        const beside = await traffic.until(cleaning);
        const { tookMs, deleted } = await cleaning;
        return [
          ...latencies(ALONE, alone),
          ...latencies(BESIDE, beside),
          { contender: BESIDE, variant: '10,000 deleted', value: (tookMs / deleted) * 10_000 },
        ];
      },
    },
  ],
  targets: [{ contender: BESIDE, variant: P99, beside: { contender: ALONE }, atMost: 2 }],
};

const LOG = 'log';
const INDEXES = 'its indexes';
const REFILLED = '4 a million more';
const REFILLED_AGAIN = '5 another million';

export const retentionDisk: Measure = {
  name: 'retention-disk',
  title: 'Disk around a clean-up of 5 million of 6 million rows',
  unit: 'MiB',
  better: 'lower',
  repeats: 1,
  note: 'Autovacuum does by itself, some time later, what the vacuum here does at once. A page of an index that a vacuum has emptied is used again after the next vacuum only, hence the second million; there is a vacuum after each.',
  turns: (scale) => [
    {
      name: 'clean-up',
      async run(site) {
        await prepare(site, scale);
        const before = await sizes(site, '1 before');
        await cleanUp(site);
        const after = await sizes(site, '2 after');
        await site.client.query('vacuum pgwatch.notification_log');
        const vacuumed = await sizes(site, '3 after a vacuum');
        await fillLog(site, { rows: scale.of(1_000_000, 10_000) });
        const refilled = await sizes(site, REFILLED);
        await fillLog(site, { rows: scale.of(1_000_000, 10_000) });
        const refilledAgain = await sizes(site, REFILLED_AGAIN);
        return [...before, ...after, ...vacuumed, ...refilled, ...refilledAgain];
      },
    },
  ],
  targets: [LOG, INDEXES].map((contender) => ({
    contender,
    variant: REFILLED_AGAIN,
    beside: { contender, variant: REFILLED },
    atMost: 1.02,
  })),
};

/** A log of which five sixths are old, and a consumer that has nothing to do with any of it. */
async function prepare(site: Site, scale: Scale): Promise<Worker> {
  await createChanges(site);
  await pgwatch.install(site);
  await fillLog(site, { rows: scale.of(5_000_000, 50_000), daysOld: 8 });
  await fillLog(site, { rows: scale.of(1_000_000, 10_000) });
  return pgwatch.start(site, { times: true, config: { skipPlayback: true } });
}

async function cleanUp(site: Site): Promise<{ tookMs: number; deleted: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'pgwatch-bench-'));
  site.onEnd(() => rm(folder, { recursive: true, force: true }));
  const startedAt = clock();
  const { stdout } = await promisify(execFile)(process.execPath, [PGWATCH, 'cleanup'], {
    cwd: folder,
    env: { ...process.env, DATABASE_URL: site.url },
  });
  const tookMs = clock() - startedAt;
  const [, deleted] = /^Deleted (\d+) /.exec(stdout) ?? [];
  if (deleted === undefined) throw new Error(`The clean-up said: ${stdout}`);
  return { tookMs, deleted: Number(deleted) };
}

function latencies(contender: string, values: readonly number[]): Sample[] {
  return [
    { contender, variant: 'live, p50', value: percentile(values, 0.5) },
    { contender, variant: P99, value: percentile(values, 0.99) },
  ];
}

async function sizes({ client }: Site, variant: string): Promise<Sample[]> {
  const { rows } = await client.query<{ log: string; indexes: string }>(
    `select pg_table_size('pgwatch.notification_log') as log,
            pg_indexes_size('pgwatch.notification_log') as indexes`,
  );
  const [size] = rows;
  const mebibytes = (bytes: string | undefined) => Number(bytes) / 2 ** 20;
  return [
    { contender: LOG, variant, value: mebibytes(size?.log) },
    { contender: INDEXES, variant, value: mebibytes(size?.indexes) },
  ];
}
