import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/db/database.ts';
import { install } from '../../src/db/installation.ts';
import type { LogRow } from '../../src/log/log-row.ts';
import { type FollowEvent, type FollowOptions, followLog } from '../../src/observe/follow-log.ts';
import { LogTail } from '../../src/observe/log-tail.ts';
import { DeliveryFixture, gate } from '../support/delivery-fixture.ts';
import { EventLog } from '../support/event-log.ts';
import { openAt } from '../support/open-database.ts';
import { startOwnServer } from '../support/own-server.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';

const fixture = new DeliveryFixture();
const endings: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

/** Longer than any test: what is shown was rung for. */
const NEVER = 86_400_000;

function follow(options: Partial<FollowOptions> = {}) {
  const rows = new EventLog<LogRow>();
  const events = new EventLog<FollowEvent>();
  const stop = new AbortController();
  const ended = followLog(
    {
      db: fixture.database.db,
      channels: [fixture.name()],
      since: undefined,
      limits: { rows: 100, bytes: 1_000_000 },
      listen: true,
      lookEveryMs: 20,
      reconnectDelaySeconds: 0.1,
      onRows: async (found) => found.forEach(rows.add),
      emit: events.add,
      ...options,
    },
    stop.signal,
  );
  ended.catch(() => {});
  const end = async () => {
    stop.abort();
    await ended;
  };
  endings.push(end);
  const happened = (type: FollowEvent['type']) => events.first((event) => event.type === type);
  return { rows, events, happened, ended, end, ids: () => rows.all.map(({ id }) => id) };
}

async function connect(url = fixture.database.url): Promise<pg.Client> {
  const client = new pg.Client(url);
  client.on('error', () => {});
  await client.connect();
  endings.push(() => client.end());
  return client;
}

describe('a tail', () => {
  it('shows what comes from now on, of its channels only', async () => {
    await fixture.notify('before');
    const tail = follow();
    await tail.happened('following');
    await fixture.notify('elsewhere', null, fixture.name('other'));
    const id = await fixture.notify({ n: 1 }, 'k');
    await tail.rows.count(1);
    expect(tail.rows.all).toMatchObject([
      { id, channel: fixture.name(), key: 'k', json: '{"n": 1}' },
    ]);
  });

  it('shows a row that commits late when it does, once, and newer ones before it', async () => {
    const client = await connect();
    await client.query('begin');
    const { rows } = await client.query('select smart_notify($1)::int as id', [fixture.name()]);
    const tail = follow();
    await tail.happened('following');
    const newer = await fixture.notify();
    await tail.rows.count(1);
    await client.query('commit');
    await tail.rows.count(2);
    const last = await fixture.notify();
    await tail.rows.count(3);
    expect(tail.ids()).toEqual([newer, rows[0]?.id, last]);
  });

  it('without channels shows all of them, also those that are new', async () => {
    const tail = follow({ channels: undefined });
    await tail.happened('following');
    const ids = [
      await fixture.notify(1, null, fixture.name('a')),
      await fixture.notify(2, null, fixture.name('b')),
    ];
    await tail.rows.until((all) => ids.every((id) => all.some((row) => row.id === id)));
  });

  it.each([
    ['of its channels', () => [fixture.name()]],
    ['of all channels', () => undefined],
  ])('begins in the past, however much that is, %s', async (_, channels) => {
    await fixture.notify('old');
    await fixture.database.query(
      `update pgwatch.notification_log set created_at = now() - interval '2 hours'`,
    );
    const { rows } = await fixture.database.query<{ id: number }>(
      'select smart_notify($1, to_jsonb(n))::int as id from generate_series(1, 1050) n',
      [fixture.name()],
    );
    const tail = follow({ channels: channels(), since: new Date(Date.now() - 3_600_000) });
    await tail.rows.count(1050);
    const live = await fixture.notify('live');
    await tail.rows.count(1051);
    expect(tail.ids()).toEqual([...rows.map(({ id }) => id), live]);
  });

  it('is rung for by the doorkeeper of a daemon, and is never one', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
    const tail = follow({ lookEveryMs: NEVER });
    await tail.happened('listening');
    const { rows } = await fixture.database.query(
      `select from pg_locks where locktype = 'advisory' and objid = ($1::bigint & 4294967295)::oid`,
      [fixture.database.db.names.doorkeeperLock],
    );
    expect(rows).toEqual([]);
    await fixture.startLive([consumer]);
    for (let n = 1; n <= 20; n += 1) {
      await fixture.notify(n);
      await tail.rows.count(n);
    }
  });

  it('goes on after its connections were killed', async () => {
    const tail = follow();
    await tail.happened('listening');
    const first = await fixture.notify();
    await tail.rows.count(1);
    for (let lost = false; !lost; ) {
      await fixture.database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name = 'pgwatch'`,
      );
      lost = tail.events.all.some(({ type }) => type === 'read-lost');
    }
    const second = await fixture.notify();
    await tail.happened('read-back');
    await tail.rows.count(2);
    expect(tail.ids()).toEqual([first, second]);
  });

  it('reads no more than is taken', async () => {
    let taken = 0;
    const { opened, open } = gate();
    const tail = follow({
      since: new Date(0),
      limits: { rows: 10, bytes: 1_000_000 },
      onRows: async (rows) => {
        taken += rows.length;
        await opened;
      },
    });
    await fixture.database.query(
      'select smart_notify($1, to_jsonb(n)) from generate_series(1, 50) n',
      [fixture.name()],
    );
    await expect.poll(() => taken).toBeGreaterThan(0);
    expect(taken).toBeLessThanOrEqual(10);
    open();
    await expect.poll(() => taken).toBe(50);
    await tail.end();
  });

  it('goes on by looking where LISTEN does not reach it', async () => {
    const listenUrl = new URL(fixture.database.url);
    listenUrl.pathname = '/template1';
    const db = openAt(fixture.database.url, { listenUrl: listenUrl.href });
    endings.push(() => db.close());
    const tail = follow({ db });
    await tail.happened('unheard');
    const id = await fixture.notify();
    await tail.rows.count(1);
    expect(tail.ids()).toEqual([id]);
    await tail.end();
  });
});

it('a crash of the server, which hands out transaction ids again, hides nothing from a tail', async () => {
  const server = await startOwnServer({
    settings: { wal_writer_delay: '10s', autovacuum: 'off' },
  });
  const db: Database = openAt(server.url);
  const notify = async () =>
    (await db.pool.query<{ id: number }>(`select smart_notify('crash')::int as id`)).rows[0]?.id;
  const nextXid = async () =>
    (await db.pool.query('select pg_snapshot_xmax(pg_current_snapshot())::text::int as xid'))
      .rows[0]?.xid;
  try {
    await install({ db, projectScripts: [], target: { kind: 'latest' }, onChange: () => {} });
    const limits = { rows: 100, bytes: 1_000_000 };
    const tail = new LogTail({ db, channels: undefined, since: undefined, limits });
    expect(await tail.next()).toEqual([]);
    const first = await notify();
    expect(await tail.next()).toMatchObject([{ id: first }]);
    // Transactions that leave nothing in the write-ahead log on disk, being small and soon over, and a
    // look that has seen them.
    for (let n = 0; n < 40; n += 1) {
      const client = await db.pool.connect();
      await client.query('begin; select pg_current_xact_id()');
      await client.query('rollback');
      client.release();
    }
    expect(await tail.next()).toEqual([]);
    const before = await nextXid();
    await server.suspend('immediate');
    await server.resume();
    expect(await nextXid()).toBeLessThan(before);
    const sent: (number | undefined)[] = [];
    for (let n = 0; n < 80; n += 1) sent.push(await notify());
    const shown: number[] = [];
    for (let rows = await tail.next(); rows.length > 0; rows = await tail.next()) {
      shown.push(...rows.map(({ id }) => id));
    }
    // What became visible shortly before comes again.
    expect(shown).toEqual([first, ...sent]);
  } finally {
    await db.close();
    await server.stop();
  }
});
