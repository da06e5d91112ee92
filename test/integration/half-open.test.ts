import { sql } from 'kysely';
import { afterEach, describe, expect, it } from 'vitest';
import { defineConsumer } from '../../src/consumer/define-consumer.ts';
import type { Database } from '../../src/db/database.ts';
import { SilentServerError } from '../../src/db/server-client.ts';
import { startBlackHole } from '../chaos/black-hole.ts';
import { DeliveryFixture, gate, happened } from '../support/delivery-fixture.ts';
import { openAt } from '../support/open-database.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';
import { startDaemon } from '../support/running-daemon.ts';
import { untilTrue } from '../support/server-probe.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const fixture = new DeliveryFixture();
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A database that is reached through a proxy only, with one connection that is in use. */
async function openBehindProxy(
  options: { queryTimeoutSeconds?: number; poolSize?: number } = {},
): Promise<{
  db: Database;
  proxy: Awaited<ReturnType<typeof startTcpProxy>>;
}> {
  const proxy = await startTcpProxy(fixture.database.url);
  const db = openAt(proxy.url, { poolSize: 1, queryTimeoutSeconds: 0.3, ...options });
  cleanups.push(() => proxy.close());
  await db.pool.query('select 1');
  return { db, proxy };
}

/** What the backends of a database wait for. */
async function waitsOf({ query }: DeliveryFixture['database']): Promise<readonly string[]> {
  const { rows } = await query<{ wait_event: string | null }>(
    'select wait_event from pg_stat_activity where datname = current_database()',
  );
  return rows.flatMap(({ wait_event }) => wait_event ?? []);
}

const SILENCE = expect.objectContaining({ name: SilentServerError.name });

describe('a half-open connection of the pool', () => {
  it('fails a query, and is replaced', async () => {
    const { db, proxy } = await openBehindProxy();
    proxy.freeze();
    await expect(db.pool.query('select 1')).rejects.toEqual(SILENCE);
    expect((await db.pool.query('select 2 as two')).rows).toEqual([{ two: 2 }]);
    await db.close();
  });

  it('fails a transaction of Kysely, and is replaced', async () => {
    const { db, proxy } = await openBehindProxy();
    const transaction = db.kysely.transaction().execute(async (trx) => {
      proxy.freeze();
      await trx.selectFrom('consumer').select('id').execute();
    });
    await expect(transaction).rejects.toThrow();
    expect(await db.kysely.selectFrom('consumer').select('id').execute()).toEqual([]);
    await db.close();
  });

  it('fails a client taken by hand, and does not come back into the pool', async () => {
    const { db, proxy } = await openBehindProxy();
    const client = await db.pool.connect();
    proxy.freeze();
    await expect(client.query('select 1')).rejects.toEqual(SILENCE);
    client.release();
    expect((await db.pool.query('select 2 as two')).rows).toEqual([{ two: 2 }]);
    await db.close();
  });

  it('does not hold up the end of the pool', async () => {
    const { db, proxy } = await openBehindProxy();
    proxy.freeze();
    await db.close();
  });

  it('is one also where the server waits to write its answer', async () => {
    const hole = await startBlackHole(fixture.database.url);
    cleanups.push(() => hole.close());
    const db = openAt(hole.url, { poolSize: 1, queryTimeoutSeconds: 3 });
    await db.pool.query('select 1');
    // More than the buffers in between take, and not before the hole is there.
    const query = db.pool.query(`select pg_sleep(0.5), repeat('x', 20000000)`);
    await untilTrue(async () => (await waitsOf(fixture.database)).includes('PgSleep'));
    hole.swallow();
    await untilTrue(async () => (await waitsOf(fixture.database)).includes('ClientWrite'));
    hole.heal('forgotten');
    await expect(query).rejects.toEqual(SILENCE);
    expect((await db.pool.query('select 2 as two')).rows).toEqual([{ two: 2 }]);
    await db.close();
  });

  it('is none while the server is at work, however long that takes', async () => {
    const { db } = await openBehindProxy();
    const { rows } = await db.pool.query('select 1 as done from pg_sleep(1.2)');
    expect(rows).toEqual([{ done: 1 }]);
    await db.close();
  });

  it('is none while a statement of a transactional handler takes long', async () => {
    const { db } = await openBehindProxy({ poolSize: 3 });
    const done = gate();
    const consumer = defineConsumer({
      id: fixture.name(),
      channels: [fixture.name()],
      transactional: true,
      async handle(_, { transaction }) {
        await sql`select pg_sleep(1.2)`.execute(transaction);
        done.open();
      },
    });
    await fixture.notify();
    const daemon = startDaemon(db, [consumer], { once: true });
    cleanups.push(() => db.close());
    await daemon.ended;
    await done.opened;
    expect(daemon.events.all.map(({ type }) => type)).toContain('handled');
    expect(daemon.events.all.map(({ type }) => type)).not.toContain('database-lost');
  });

  it('is none while this process is busy with something else', async () => {
    const { db } = await openBehindProxy();
    const answer = db.pool.query('select 1 as done');
    const until = performance.now() + 700;
    while (performance.now() < until);
    expect((await answer).rows).toEqual([{ done: 1 }]);
    await db.close();
  });
});

describe('a daemon whose connections are all half-open', () => {
  async function startFrozen(
    options: Parameters<typeof openBehindProxy>[0] = {},
    settings: { partitions?: number } = {},
  ) {
    const { db, proxy } = await openBehindProxy(options);
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()], settings);
    const daemon = startDaemon(db, [consumer]);
    cleanups.push(
      () => db.close(),
      () => daemon.stop(),
    );
    await happened(daemon, 'live', fixture.name());
    await happened(daemon, 'listening');
    proxy.freeze();
    return { daemon, received };
  }

  it('makes new ones, and handles what was written meanwhile', async () => {
    const { daemon, received } = await startFrozen();
    await fixture.notify('meanwhile');
    await happened(daemon, 'listen-lost');
    await received.count(1);
    expect(received.all.map(({ data }) => data)).toEqual(['meanwhile']);
  });

  it('stops all the same, however long it would wait for an answer', async () => {
    const { daemon } = await startFrozen({ queryTimeoutSeconds: 3600, poolSize: 3 });
    await daemon.stop();
  });

  it('stops all the same when it waits for the answer to a commit', async () => {
    const { db, proxy } = await openBehindProxy({ queryTimeoutSeconds: 3600, poolSize: 3 });
    const committing = gate();
    const consumer = defineConsumer({
      id: fixture.name(),
      channels: [fixture.name()],
      transactional: true,
      handle() {
        proxy.freeze();
        committing.open();
      },
    });
    const daemon = startDaemon(db, [consumer]);
    cleanups.push(() => db.close());
    await happened(daemon, 'live', fixture.name());
    await fixture.notify();
    await committing.opened;
    daemon.abort();
    await daemon.ended;
  });

  it('stops all the same when it runs some of the partitions', async () => {
    const options = { queryTimeoutSeconds: 3600, poolSize: 3 };
    const { daemon } = await startFrozen(options, { partitions: 3 });
    await daemon.stop();
  });
});

it('a consumer that nobody rings for looks by itself after timeoutSeconds', async () => {
  const proxy = await startTcpProxy(fixture.database.url);
  const db = openAt(fixture.database.url, { listenUrl: proxy.url, poolSize: 2 });
  const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()]);
  const daemon = startDaemon(db, [consumer], { config: { timeoutSeconds: 0.5 } });
  cleanups.push(
    () => proxy.close(),
    () => db.close(),
    () => daemon.stop(),
  );
  await happened(daemon, 'live', fixture.name());
  await happened(daemon, 'listening');
  proxy.freeze();
  await fixture.notify('unheard');
  await received.count(1);
  expect(daemon.events.all.map(({ type }) => type)).not.toContain('listen-lost');
});
