import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Database } from '../../src/db/database.ts';
import type { ThrowawayServer } from '../../src/db/embedded/throwaway-server.ts';
import { install } from '../../src/db/installation.ts';
import { happened } from '../support/delivery-fixture.ts';
import { openAt } from '../support/open-database.ts';
import { startOwnServer } from '../support/own-server.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';
import { type RunningDaemon, startDaemon } from '../support/running-daemon.ts';

let server: ThrowawayServer;
let db: Database;
let client: pg.Client;
let daemon: RunningDaemon | undefined;

beforeAll(async () => {
  server = await startOwnServer({ settings: { max_prepared_transactions: '5' } });
  db = openAt(server.url);
  await install({ db, projectScripts: [], target: { kind: 'latest' }, onChange: () => {} });
  client = new pg.Client(server.url);
  await client.connect();
  await client.query(`
    create table users (id int primary key);
    create trigger changes after insert on users
      for each row execute function notify_data_change('users')`);
});
afterEach(async () => {
  await daemon?.stop();
  daemon = undefined;
});
afterAll(async () => {
  await client.end();
  await db.close();
  await server.stop();
});

async function start(name: string) {
  const recording = recordingConsumer(name, ['users', 'others']);
  daemon = startDaemon(db, [recording.consumer]);
  await happened(daemon, 'live', name);
  await happened(daemon, 'elected');
  return { ...recording, daemon };
}

/** Resolves when the doorkeeper sleeps: it holds the doorbell lock. */
async function asleep() {
  await expect
    .poll(async () => {
      const { rows } = await client.query(
        `select from pg_locks
         where locktype = 'advisory' and granted and mode = 'ExclusiveLock'
           and objid = ($1::bigint & 4294967295)::oid`,
        [db.names.doorbellLock],
      );
      return rows.length;
    })
    .toBe(1);
}

it('with pgwatch.doorbell off, a captured change can be prepared while the doorkeeper sleeps', async () => {
  const { received, daemon } = await start('off');
  await asleep();
  await client.query('begin');
  await client.query('set local pgwatch.doorbell = off');
  await client.query('insert into users values (1)');
  await client.query("prepare transaction 'one'");
  await client.query("commit prepared 'one'");
  await received.count(1);
  await happened(daemon, 'found-unrung');
});

it('without it, PostgreSQL refuses that, and says why', async () => {
  await start('on');
  await asleep();
  await client.query('begin');
  await client.query('insert into users values (2)');
  await expect(client.query("prepare transaction 'two'")).rejects.toThrow(/NOTIFY/);
  await client.query('rollback');
});

it('a prepared transaction that stays holds up nobody, and is handled when it is committed', async () => {
  const { received } = await start('stays');
  // Prepared while the doorkeeper is awake, it holds the doorbell shared from then on.
  for (let prepared = false; !prepared; ) {
    await client.query("select smart_notify('others', '\"wakes\"')");
    await client.query('begin');
    await client.query('insert into users values (3)');
    prepared = await client.query("prepare transaction 'three'").then(
      () => true,
      () => false,
    );
    if (!prepared) await client.query('rollback');
  }
  for (const n of [1, 2, 3]) {
    await client.query("select smart_notify('others', to_jsonb($1::int))", [n]);
    await received.first(({ data }) => data === n);
  }
  expect(received.all.some((notification) => notification.getNewData()?.['id'] === 3)).toBe(false);
  await client.query("commit prepared 'three'");
  await received.first((notification) => notification.getNewData()?.['id'] === 3);
  await asleep();
});
