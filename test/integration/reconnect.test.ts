import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Readiness } from '../../src/cli/readiness.ts';
import type { Database } from '../../src/db/database.ts';
import { openProjectServer } from '../../src/db/embedded/project-server.ts';
import { install } from '../../src/db/installation.ts';
import { Servers } from '../../src/db/servers.ts';
import { smartNotify } from '../../src/log/append.ts';
import { createTestDatabase } from '../support/database.ts';
import { DeliveryFixture } from '../support/delivery-fixture.ts';
import { openAt } from '../support/open-database.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';
import { type RunningDaemon, startDaemon } from '../support/running-daemon.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const fixture = new DeliveryFixture();
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** How often a daemon said something, once it has said `type` so many times. */
function times(daemon: RunningDaemon, type: string, count: number) {
  return daemon.events.until((all) => all.filter((event) => event.type === type).length >= count);
}

/** A daemon that reaches the server through a proxy only. */
async function startBehindProxy(consumer: ReturnType<typeof recordingConsumer>['consumer']) {
  const proxy = await startTcpProxy(fixture.database.url);
  const db = openAt(proxy.url);
  const daemon = startDaemon(db, [consumer]);
  cleanups.push(
    () => proxy.close(),
    () => db.close(),
    () => daemon.stop(),
  );
  await daemon.events.first((event) => event.type === 'live');
  await daemon.events.first((event) => event.type === 'listening');
  return { proxy, daemon };
}

/** Backends that pgwatch has in the database of a URL. */
async function backendsAt(url: string): Promise<readonly number[]> {
  const { rows } = await fixture.database.query<{ pid: number }>(
    `select pid from pg_stat_activity where datname = $1 and application_name = 'pgwatch'`,
    [new URL(url).pathname.slice(1)],
  );
  return rows.map(({ pid }) => pid);
}

describe('a lost connection', () => {
  it('of every backend is replaced, and LISTENs again', async () => {
    const { consumer, received, ids } = recordingConsumer(fixture.name(), [fixture.name()]);
    const daemon = await fixture.startLive([consumer]);
    const before = await fixture.notify('before');
    await received.count(1);
    await fixture.database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'pgwatch'`,
    );
    await times(daemon, 'listening', 2);
    const after = await fixture.notify('after');
    await received.count(2);
    expect(ids()).toEqual([before, after]);
  });

  it('is waited out: what was written meanwhile is handled on return', async () => {
    const { consumer, received, ids } = recordingConsumer(fixture.name(), [fixture.name()]);
    const { proxy, daemon } = await startBehindProxy(consumer);
    await proxy.cut();
    await daemon.events.first((event) => event.type === 'listen-lost');
    const meanwhile = await fixture.notify('meanwhile');
    await proxy.mend();
    await received.count(1);
    const after = await fixture.notify('after');
    await received.count(2);
    expect(ids()).toEqual([meanwhile, after]);
  });

  it('is reported once, not at every attempt', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
    const { proxy, daemon } = await startBehindProxy(consumer);
    await proxy.cut();
    await daemon.events.first((event) => event.type === 'listen-lost');
    await proxy.mend();
    await times(daemon, 'listening', 2);
    const lost = daemon.events.all.filter((event) => event.type === 'listen-lost');
    expect(lost).toHaveLength(1);
  });

  it('in the middle of a batch repeats nothing while the process lives', async () => {
    await fixture.database.query(
      'select smart_notify($1, to_jsonb(n)) from generate_series(1, 300) as n',
      [fixture.name()],
    );
    let kill: Promise<unknown> | undefined;
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: async ({ data }) => {
        if (data !== 150) return;
        kill = fixture.database.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
           where datname = current_database() and application_name = 'pgwatch'`,
        );
        await kill;
      },
    });
    await fixture.startLive([consumer]);
    await received.count(300);
    expect(received.all.map(({ data }) => data)).toEqual(
      Array.from({ length: 300 }, (_, index) => index + 1),
    );
  });

  it('is not made good by a session that hears nothing: it is tried again', async () => {
    const elsewhere = await createTestDatabase();
    const opened = openAt(fixture.database.url);
    // As where a name leads to another server after a failover.
    let listenServers = opened.sessionServers;
    const db: Database = {
      ...opened,
      get sessionServers() {
        return listenServers;
      },
    };
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()]);
    const daemon = startDaemon(db, [consumer]);
    cleanups.push(
      () => elsewhere.drop(),
      () => opened.close(),
      () => daemon.stop(),
    );
    await times(daemon, 'listening', 1);
    const readiness = new Readiness([], () => {});
    const isAwoken = async () => {
      for (const event of daemon.events.all)
        if (!('consumer' in event)) readiness.noteListener(event);
      return (await readiness.report(async () => [])).ready;
    };
    expect(await isAwoken()).toBe(true);

    listenServers = new Servers(elsewhere.url);
    await fixture.database.query('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [
      await backendsAt(fixture.database.url),
    ]);
    await times(daemon, 'listen-lost', 1);
    const unheard = new Set<number>();
    await expect
      .poll(
        async () => {
          for (const pid of await backendsAt(elsewhere.url)) unheard.add(pid);
          return unheard.size;
        },
        { timeout: 30_000 },
      )
      .toBeGreaterThan(1);
    const told = (type: string) => daemon.events.all.filter((event) => event.type === type).length;
    expect(['listening', 'listen-lost', 'listen-unheard'].map(told)).toEqual([1, 1, 1]);
    expect(await isAwoken()).toBe(false);

    listenServers = opened.sessionServers;
    await times(daemon, 'listening', 2);
    expect(await isAwoken()).toBe(true);
    await fixture.notify('after');
    await received.first(({ data }) => data === 'after');
  });

  it('by a restart of the server is no more than a pause', async () => {
    const root = await realpath(await mkdtemp(join(tmpdir(), 'pgwatch-restart-')));
    cleanups.push(() => rm(root, { recursive: true, force: true }));
    const { PGWATCH_TEST_BINARIES: binaries } = process.env;
    const place = binaries === undefined ? { root } : { root, binaries };
    let server = await openProjectServer(place);
    cleanups.push(() => server.stop());
    const db = openAt(server.url);
    cleanups.push(() => db.close());
    await install({ db, projectScripts: [], target: { kind: 'latest' }, onChange: () => {} });
    const { consumer, received } = recordingConsumer('restart', ['restart']);
    const daemon = startDaemon(db, [consumer]);
    cleanups.push(() => daemon.stop());
    await times(daemon, 'listening', 1);
    await server.stop();
    await daemon.events.first((event) => event.type === 'listen-lost');
    server = await openProjectServer(place);
    expect(server.url).toBe(db.url);
    await times(daemon, 'listening', 2);
    await smartNotify(db.pool, 'restart', 'after');
    await received.count(1);
    expect(received.all.map(({ data }) => data)).toEqual(['after']);
  });

  it('does not keep a daemon from stopping', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
    const { proxy, daemon } = await startBehindProxy(consumer);
    await proxy.cut();
    await daemon.events.first((event) => event.type === 'listen-lost');
    await daemon.stop();
    expect(daemon.events.all.some((event) => event.type === 'released')).toBe(false);
  });
});
