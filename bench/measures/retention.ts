import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { extendedLog, fillLog, oldLog } from '../contenders/filled-log.ts';
import { pgwatch } from '../contenders/pgwatch.ts';
import { type Latencies, latenciesOf } from '../harness/latencies.ts';
import {
  besideContender,
  type Measure,
  type Recorder,
  type Sample,
  type Scale,
} from '../harness/measure.ts';
import { PacedWriter } from '../harness/paced-writer.ts';
import type { Site } from '../harness/site.ts';
import { percentile } from '../harness/statistics.ts';
import { clock } from '../harness/worker.ts';

const PGWATCH = fileURLToPath(new URL('../../bin/pgwatch.mjs', import.meta.url));

const ALONE = 'live traffic alone';
const BESIDE = 'beside pgwatch cleanup';
const P50 = 'live, p50';
const P99 = 'live, p99';
const LIVE_TABLE = 'retention';
const DISK_TABLE = 'retention-disk';
const RATE = 200;

const LOG = 'log';
const INDEXES = 'its indexes';
const REFILLED = '4 a million more';
const REFILLED_AGAIN = '5 another million';

export const retention: Measure = {
  name: 'retention',
  seconds: { full: 120, quick: 5 },
  repeats: 2,
  deadlineSeconds: 600,
  tables: [
    {
      name: LIVE_TABLE,
      title: 'Clean-up of 5 million of 6 million rows',
      unit: 'ms',
      better: 'lower',
      logarithmic: true,
      floor: besideContender(ALONE),
      note: 'Live: 200 single writes a second, from the sending of the statement, so with its commit, to the handler. Deletion: the time of the whole `pgwatch cleanup`, for each 10,000 rows it deleted.',
      targets: [{ contender: BESIDE, variant: P99, beside: { contender: ALONE }, atMost: 2 }],
    },
    {
      name: DISK_TABLE,
      title: 'Disk around a clean-up of 5 million of 6 million rows',
      unit: 'MiB',
      better: 'lower',
      note: 'Autovacuum does by itself, some time later, what the vacuum here does at once. A page of an index that a vacuum has emptied is used again after the next vacuum only, hence the second million; there is a vacuum after each.',
      targets: [LOG, INDEXES].map((contender) => ({
        contender,
        variant: REFILLED_AGAIN,
        beside: { contender, variant: REFILLED },
        atMost: 1.02,
      })),
    },
  ],
  turns: (scale) => {
    const old = oldLog(scale.of(5_000_000, 50_000));
    const rows = scale.of(1_000_000, 10_000);
    return [
      {
        name: 'clean-up',
        template: extendedLog(old, { rows }),
        async run(site, record) {
          record(...(await sizes(site, '1 before')));
          await cleanBesideTraffic(site, scale, record);
          record(...(await sizes(site, '2 after')));
          await site.client.query('vacuum pgwatch.notification_log');
          record(...(await sizes(site, '3 after a vacuum')));
          await fillLog(site, { rows });
          record(...(await sizes(site, REFILLED)));
          await fillLog(site, { rows });
          record(...(await sizes(site, REFILLED_AGAIN)));
        },
      },
    ];
  },
};

/** The consumer has nothing to do with what is there before. */
async function cleanBesideTraffic(site: Site, scale: Scale, record: Recorder): Promise<void> {
  const worker = await pgwatch.start(site, { times: true, config: { skipPlayback: true } });
  const writer = await PacedWriter.open(site);
  await writer.write({ rate: RATE, until: pause(scale.of(1_000, 300)) });
  const alone = await writer.write({ rate: RATE, until: pause(scale.of(10_000, 500)) });
  record(...figures(ALONE, await latenciesOf(worker, alone)));
  const cleaning = cleanUp(site);
  const beside = await writer.write({ rate: RATE, until: cleaning });
  record(...figures(BESIDE, await latenciesOf(worker, beside)));
  const { tookMs, deleted } = await cleaning;
  const value = (tookMs / deleted) * 10_000;
  record({ table: LIVE_TABLE, contender: BESIDE, variant: '10,000 deleted', value });
  await worker.stop();
}

function figures(contender: string, { fromSent }: Latencies): Sample[] {
  return [
    { table: LIVE_TABLE, contender, variant: P50, value: percentile(fromSent, 0.5) },
    { table: LIVE_TABLE, contender, variant: P99, value: percentile(fromSent, 0.99) },
  ];
}

async function cleanUp(site: Site): Promise<{ tookMs: number; deleted: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'pgwatch-bench-'));
  site.onEnd(() => rm(folder, { recursive: true, force: true }));
  const startedAt = clock();
  const { stdout } = await promisify(execFile)(process.execPath, [PGWATCH, 'cleanup'], {
    cwd: folder,
    env: { ...process.env, DATABASE_URL: site.url },
    signal: site.signal,
  });
  const tookMs = clock() - startedAt;
  const [, deleted] = /^Deleted (\d+) /.exec(stdout) ?? [];
  if (deleted === undefined) throw new Error(`The clean-up said: ${stdout}`);
  return { tookMs, deleted: Number(deleted) };
}

async function sizes({ client }: Site, variant: string): Promise<Sample[]> {
  const { rows } = await client.query<{ log: string; indexes: string }>(
    `select pg_table_size('pgwatch.notification_log') as log,
            pg_indexes_size('pgwatch.notification_log') as indexes`,
  );
  const [size] = rows;
  const mebibytes = (bytes: string | undefined) => Number(bytes) / 2 ** 20;
  return [
    { table: DISK_TABLE, contender: LOG, variant, value: mebibytes(size?.log) },
    { table: DISK_TABLE, contender: INDEXES, variant, value: mebibytes(size?.indexes) },
  ];
}
