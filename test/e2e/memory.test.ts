import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { beginInFlight, burnTransactionIds, writeOldBacklog } from '../support/far-behind.ts';
import { createInstalledDatabase, type InstalledDatabase } from '../support/installed-database.ts';
import { PEAKS_ARE_KNOWN, peakMegabytes, peakUntilEnd } from '../support/peak-memory.ts';
import { createProject, type Project } from '../support/project.ts';
import type { RunningProgram } from '../support/running-program.ts';
import { untilTrue } from '../support/server-probe.ts';
import { skipBecause } from '../support/skip.ts';

/** The sizes that docs/reliability.md gives figures for take some minutes. */
const IS_FULL_SIZE = process.env['PGWATCH_TEST_FULL_SIZE'] === '1';
const SIZES = IS_FULL_SIZE
  ? { large: 100, backlog: 5_000_000, dead: 10_000 }
  : { large: 10, backlog: 200_000, dead: 2_000 };
const LONGEST_MS = IS_FULL_SIZE ? 1_800_000 : 180_000;

/** MiB. What docs/reliability.md states. */
const BOUND = { large: 640, small: 256, cleanup: 192 };

const LARGE_BYTES = 50_000_000;
/** Of the heavy consumer, in which it says how far it is. */
const STEPS = 10;

let database: InstalledDatabase;
beforeEach(async (test) => {
  if (!PEAKS_ARE_KNOWN) skipBecause(test, 'this system has no /proc with the peaks of processes');
  database = await createInstalledDatabase();
  onTestFinished(() => database.drop());
});

/** Two consumers of one process: one with a heavy load, and one that must not notice. */
function projectWith(handle: string, options = '', all = SIZES.backlog): Promise<Project> {
  return createProject(
    {
      'consumers/both.js': `
        import { defineConsumer, PermanentError } from 'pgwatch';
        let handled = 0;
        let light = 0;
        const note = () => {
          handled += 1;
          if (handled % ${Math.max(1, Math.floor(all / STEPS))} === 0) console.log('heavy at', handled + ';');
        };
        export const heavy = defineConsumer({
          id: 'heavy',
          channels: ['heavy'],
          ${options}
          handle(notification) { ${handle} },
        });
        export const lightly = defineConsumer({
          id: 'light',
          channels: ['light'],
          handle() { console.log('light at', ++light + ';'); },
        });
      `,
    },
    { DATABASE_URL: database.url, PGWATCH_LOG_LEVEL: 'fatal' },
  );
}

/** Lets the light consumer have something at each step of the heavy one, to its last. */
async function runBoth(program: RunningProgram, all: number, from = 0): Promise<void> {
  const step = all / STEPS;
  for (let n = 1; n < STEPS; n += 1) {
    await program.says(`heavy at ${n * step};`);
    await database.query(`select smart_notify('light')`);
    await program.says(`light at ${from + n};`);
  }
  await program.says(`heavy at ${all};`);
  const beforeTheLast = program.stdout.split(`heavy at ${all};`)[0] ?? '';
  const lights = beforeTheLast.match(/light at/g) ?? [];
  expect(lights.length).toBeGreaterThanOrEqual(STEPS / 2);
}

/** Prints what was measured: these are the figures of docs/reliability.md. */
function expectPeak(program: RunningProgram, bound: number, what: string): void {
  expectBelow(peakMegabytes(program.pid) ?? Number.POSITIVE_INFINITY, bound, what);
}

function expectBelow(peak: number, bound: number, what: string): void {
  process.stderr.write(`memory: ${what}: ${peak} MiB\n`);
  expect(peak).toBeLessThan(bound);
}

async function writeLarge(): Promise<void> {
  // One character beyond Latin-1, and a string of Node takes two bytes for each.
  await database.query(
    `select smart_notify('heavy', jsonb_build_object('text', repeat('x', $1) || '€'))`,
    [LARGE_BYTES],
  );
  // Copies of the stored form: to make each of them would take a second.
  await database.query(
    `insert into pgwatch.notification_log (channel, payload)
     select channel, payload from pgwatch.notification_log, generate_series(2, $1)
     where channel = 'heavy'`,
    [SIZES.large],
  );
}

describe('the memory of a daemon stays below its bound, and its other consumers stay live', () => {
  it('with large payloads', { timeout: LONGEST_MS }, async () => {
    await writeLarge();
    const project = await projectWith('notification.json.length; note();', '', SIZES.large);
    const program = project.start(['listen']);
    await runBoth(program, SIZES.large);
    expectPeak(program, BOUND.large, `${SIZES.large} of 50 MB`);
    expect((await program.kill('SIGTERM')).code).toBe(0);
  });

  it('with large payloads that fail and come again', { timeout: LONGEST_MS }, async () => {
    await writeLarge();
    const project = await projectWith(
      `if (notification.attempt === 1) throw new Error('again');
       note();
       return new Promise((resolve) => setTimeout(resolve, 100));`,
      'concurrency: 10, retry: { minDelaySeconds: 0, maxDelaySeconds: 0 },',
      SIZES.large,
    );
    const program = project.start(['listen']);
    await runBoth(program, SIZES.large);
    expectPeak(program, BOUND.large, `${SIZES.large} of 50 MB, each failing once`);
  });

  it('with a consumer that is a week behind', { timeout: LONGEST_MS }, async () => {
    const project = await projectWith('note();');
    const inFlight = await beginInFlight(database, 'heavy');
    expect((await project.run(['listen', '--once'])).code).toBe(0);
    await burnTransactionIds(database);
    await writeOldBacklog(database, 'heavy', SIZES.backlog - inFlight.committed);
    await inFlight.end();

    const program = project.start(['listen']);
    await runBoth(program, SIZES.backlog);
    expectPeak(program, BOUND.small, `${SIZES.backlog} notifications of a week ago`);
  });

  it('with dead letters', { timeout: LONGEST_MS }, async () => {
    await database.query(
      `select count(smart_notify('heavy', to_jsonb(repeat('x', 1000)), 'key ' || n % 50))
       from generate_series(1, $1::integer) n`,
      [SIZES.dead],
    );
    const project = await projectWith(
      `if (notification.attempt === 1) throw new Error('again');
       note();
       throw new PermanentError('never ' + notification.json);`,
      'retry: { minDelaySeconds: 0, maxDelaySeconds: 0 },',
      SIZES.dead,
    );
    const program = project.start(['listen']);
    await runBoth(program, SIZES.dead);
    await untilTrue(async () => (await deadLetters()) === SIZES.dead);
    expectPeak(program, BOUND.small, `${SIZES.dead} that fail twice and become dead letters`);
    expect((await program.kill('SIGTERM')).code).toBe(0);

    const again = project.start(['listen']);
    await database.query(`select smart_notify('light')`);
    await again.says('light at 1;');
    expectPeak(again, BOUND.small, `a start beside ${SIZES.dead} dead letters`);
  });
});

async function deadLetters(): Promise<number> {
  const { rows } = await database.query<{ count: string }>(
    `select count(*) from pgwatch.redelivery where state = 'dead'`,
  );
  return Number(rows[0]?.count);
}

it('clean-up beside a consumer that is a week behind stays below its bound, and nobody waits for it', {
  timeout: LONGEST_MS,
}, async () => {
  const project = await projectWith('note();');
  expect((await project.run(['listen', '--once'])).code).toBe(0);
  await writeOldBacklog(database, 'heavy', SIZES.backlog / 2);
  await writeOldBacklog(database, 'nobody', SIZES.backlog / 2);

  // A transaction that is open all the while: were anybody to wait for the other, it had no end.
  const writer = await database.connect();
  await writer.query('begin');
  await writer.query(`select smart_notify('heavy')`);
  const cleanup = project.start(['cleanup', '--days', '1']);
  let hasEnded = false;
  let writtenBeside = 0;
  const peak = peakUntilEnd(cleanup).finally(() => {
    hasEnded = true;
  });
  while (!hasEnded) {
    await writer.query(`select smart_notify('heavy')`);
    writtenBeside += 1;
  }
  await writer.query('commit');
  await writer.end();
  expectBelow(await peak, BOUND.cleanup, `clean-up of ${SIZES.backlog / 2}, as many kept`);
  expect(cleanup.stdout).toContain(`Deleted ${SIZES.backlog / 2} notifications`);
  expect(cleanup.stdout).toContain(`Kept ${SIZES.backlog / 2} notifications`);
  expect(writtenBeside).toBeGreaterThan(0);
});
