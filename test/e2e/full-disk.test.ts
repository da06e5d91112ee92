import { chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished, type TestContext } from 'vitest';
import { chooseServerUser } from '../../src/db/embedded/server-user.ts';
import { handledNumbers, outOfOrder, repeatsAmong } from '../support/handled-numbers.ts';
import { committedNumbers, NumberedWriter, WRITER_KEYS } from '../support/numbered-writer.ts';
import { createProject, type Project } from '../support/project.ts';
import { startTestServer, type TestServer } from '../support/replicated-server.ts';
import type { RunningProgram } from '../support/running-program.ts';
import { query, untilTrue } from '../support/server-probe.ts';
import { skipBecause } from '../support/skip.ts';
import { SmallDisk } from '../support/small-disk.ts';

const CONSUMERS = ['plain', 'failing', 'transactional'];
/** What is fetched at once. */
const BATCH = 100;

/**
 * `plain` handles all that it is given. `failing` fails the first time for some, so that this has to
 * be written down. `transactional` writes, too. None begins before the file `go` is there.
 */
const consumers = `
  import { existsSync } from 'node:fs';
  import { defineConsumer } from 'pgwatch';
  const go = new Promise((resolve) => {
    const timer = setInterval(() => {
      if (!existsSync('go')) return;
      clearInterval(timer);
      resolve();
    }, 10);
  });
  const say = (id, { data }) => console.log('handled', id, data.n + ';');
  const common = { channels: ['numbers'] };
  export const plain = defineConsumer({
    ...common,
    id: 'plain',
    async handle(notification) {
      await go;
      say('plain', notification);
    },
  });
  export const failing = defineConsumer({
    ...common,
    id: 'failing',
    concurrency: 4,
    retry: { minDelaySeconds: 0.1, maxDelaySeconds: 0.1 },
    async handle(notification) {
      await go;
      if (notification.data.n % 50 === 1 && notification.attempt === 1) throw new Error('x'.repeat(4000));
      say('failing', notification);
    },
  });
  export const transactional = defineConsumer({
    ...common,
    id: 'transactional',
    transactional: true,
    retry: { minDelaySeconds: 0.1, maxDelaySeconds: 0.1 },
    async handle(notification, { transaction }) {
      await go;
      const row = { n: notification.data.n, padding: 'x'.repeat(1000) };
      await transaction.insertInto('public.done').values(row).execute();
      say('transactional', notification);
    },
  });
`;

async function mountDisk(test: TestContext, megabytes: number): Promise<SmallDisk> {
  const disk = await SmallDisk.mount(megabytes);
  if (disk === undefined) skipBecause(test, 'only root can mount a small file system, on Linux');
  onTestFinished(() => disk.unmount());
  await giveToServer(disk.folder);
  return disk;
}

async function giveToServer(folder: string): Promise<void> {
  const user = chooseServerUser();
  if (user !== undefined) await chown(folder, user.uid, user.gid);
}

async function startServer(options: Parameters<typeof startTestServer>[0]): Promise<TestServer> {
  const servers = await startTestServer(options);
  onTestFinished(() => servers.remove());
  return servers.primary;
}

const urlOf = (server: TestServer) => server.url.replace(/[^/]*$/, 'app');

async function startDaemon(server: TestServer): Promise<[Project, RunningProgram]> {
  const project = await createProject(
    { 'consumers/all.js': consumers },
    { DATABASE_URL: urlOf(server), PGWATCH_RECONNECT_DELAY: '0.5' },
  );
  expect((await project.run(['migrate'])).code).toBe(0);
  await query(urlOf(server), 'create table done (n integer primary key, padding text)');
  const program = project.start(['listen']);
  await program.says('consumer live', CONSUMERS.length);
  await program.says('listening');
  return [project, program];
}

function linesWith(program: RunningProgram, text: string): number {
  return program.stderr.split(text).length - 1;
}

/** Of the first `count` numbers, those whose handling is not stored, by whichever consumer. */
function notStored(count: number): string {
  return `
    select log.id
    from pgwatch.notification_log log
    cross join pgwatch.consumer c
    join pgwatch.consumer_cursor k on k.consumer_id = c.id
    where (log.payload->>'n')::int <= ${count}
      and (not pg_visible_in_snapshot(log.xid, k.seen)
             and (k.until is null or log.id > k.last_id or not pg_visible_in_snapshot(log.xid, k.until))
           or exists (
             select from pgwatch.redelivery r
             where r.consumer_id = c.id and r.notification_id = log.id))`;
}

/**
 * Everything that was committed is handled by all, in order, and the outage had two lines.
 * @param mayRepeat which numbers may have been handled more than once, their cursor not being stored
 */
async function expectAllHandled(
  program: RunningProgram,
  url: string,
  mayRepeat: (number: number) => boolean,
) {
  const committed = await committedNumbers(url);
  await untilTrue(() =>
    CONSUMERS.every((id) => new Set(handledNumbers(program, id)).size >= committed.length),
  );
  for (const id of CONSUMERS) {
    const handled = handledNumbers(program, id);
    expect([...new Set(handled)].sort((a, b) => a - b)).toEqual(committed);
    expect(outOfOrder(handled, (number) => number % WRITER_KEYS)).toEqual([]);
    if (id === 'transactional') continue;
    expect(repeatsAmong(handled).filter((number) => !mayRepeat(number))).toEqual([]);
  }
  // What it has written itself came to be exactly once, or the primary key would have said so.
  await untilTrue(async () => {
    const done = await query(url, 'select n from done order by n');
    return done.length === committed.length;
  });
  expect(await query(url, `select count(*) from pgwatch.redelivery where state = 'dead'`)).toEqual([
    '0',
  ]);
  expect(linesWith(program, 'database connection lost')).toBe(1);
  expect(linesWith(program, 'database connection back')).toBe(1);
}

it('no room for tables: what is readable is handled, and all the rest when there is room again', async (test) => {
  const disk = await mountDisk(test, 32);
  const server = await startServer({});
  const space = join(disk.folder, 'space');
  await mkdir(space);
  await giveToServer(space);
  await query(server.url, `create tablespace small location '${space}'`);
  await query(server.url, 'create database app tablespace small');
  const [project, program] = await startDaemon(server);

  const writer = new NumberedWriter(urlOf(server), 'numbers');
  await untilTrue(() => writer.next > 4 * BATCH);
  await disk.fill();
  await untilTrue(() => (writer.errors.get('53100') ?? 0) > 0);
  const readable = await committedNumbers(urlOf(server));
  await writeFile(join(project.folder, 'go'), '');
  await program.says('handled plain', readable.length);
  await program.says('database connection lost');
  // Many more attempts to write, which nobody wants to read of.
  const errors = writer.errors.get('53100') ?? 0;
  await untilTrue(() => (writer.errors.get('53100') ?? 0) > errors + 50);
  expect(linesWith(program, 'database connection back')).toBe(0);

  await disk.free();
  await program.says('database connection back');
  const first = writer.next;
  await untilTrue(() => writer.next > first + BATCH);
  await writer.stop();
  await expectAllHandled(program, urlOf(server), () => false);
  expect((await program.kill('SIGTERM')).code).toBe(0);
});

it('no room for the WAL: the server goes down, and nothing is lost when it is started again', async (test) => {
  const disk = await mountDisk(test, 160);
  const server = await startServer({
    folder: disk.folder,
    settings: { max_wal_size: '32MB', min_wal_size: '32MB' },
  });
  await query(server.url, 'create database app');
  const [project, program] = await startDaemon(server);
  await writeFile(join(project.folder, 'go'), '');

  const writer = new NumberedWriter(urlOf(server), 'numbers');
  await untilTrue(() => writer.next > 2 * BATCH);
  await untilTrue(async () => (await query(urlOf(server), notStored(2 * BATCH))).length === 0);
  await disk.fill();
  const writeAhead = `select pg_logical_emit_message(false, 'test', repeat('x', 8000000))`;
  await untilTrue(() => query(server.url, writeAhead).then(isNever, isAlways));
  await untilTrue(() => (writer.errors.get('ECONNREFUSED') ?? 0) > 0);
  await program.says('database connection lost');

  await disk.free();
  await server.start();
  await program.says('database connection back');
  const first = writer.next;
  await untilTrue(() => writer.next > first + BATCH);
  await writer.stop();
  await expectAllHandled(program, urlOf(server), (number) => number > 2 * BATCH);
  expect((await program.kill('SIGTERM')).code).toBe(0);
});

const isNever = () => false;
const isAlways = () => true;
