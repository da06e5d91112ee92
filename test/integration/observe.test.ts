import { describe, expect, it } from 'vitest';
import { grantRights } from '../../src/admin/rights.ts';
import { readOwners } from '../../src/observe/consumer-owners.ts';
import { readConsumers } from '../../src/observe/consumer-status.ts';
import { readLogStatus } from '../../src/observe/log-status.ts';
import type { NotificationFilter } from '../../src/observe/notification-filter.ts';
import { readNotification } from '../../src/observe/notification-record.ts';
import { searchNotifications } from '../../src/observe/notification-search.ts';
import { findOldestWriter } from '../../src/observe/oldest-writer.ts';
import { countPassedSince } from '../../src/observe/rates.ts';
import { reading } from '../../src/observe/reading.ts';
import { StatusReader } from '../../src/observe/status.ts';
import { pauseConsumer } from '../../src/steer/consumer-steering.ts';
import { DeliveryFixture, gate, happened } from '../support/delivery-fixture.ts';
import { openAt } from '../support/open-database.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';
import { createRole } from '../support/role.ts';

const fixture = new DeliveryFixture();
const NOT_SOON = { minDelaySeconds: 3600, maxDelaySeconds: 3600 };

async function statusOf(consumer: string) {
  const { pool, names } = fixture.database.db;
  const all = await reading(pool, (db) => readConsumers(db, names));
  const status = all.find((one) => one.consumer === consumer);
  if (status === undefined) throw new Error(`There is no consumer ${consumer}.`);
  return status;
}

describe('the status of a consumer', () => {
  it('is live, paused, stopped or without an owner', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
    const daemon = await fixture.startLive([consumer]);
    expect(await statusOf(consumer.id)).toMatchObject({
      state: 'live',
      channels: [fixture.name()],
      pending: 0,
      retrying: 0,
      dead: 0,
    });
    await daemon.stop();
    expect((await statusOf(consumer.id)).state).toBe('stopped');
    await fixture.database.query(
      `update pgwatch.consumer_cursor set lease_owner = 'gone', lease_until = now() - interval '1 s'
       where consumer_id = (select id from pgwatch.consumer where name = $1)`,
      [consumer.id],
    );
    expect((await statusOf(consumer.id)).state).toBe('no owner');
    await pauseConsumer(fixture.database.db, consumer.id);
    expect((await statusOf(consumer.id)).state).toBe('paused');
  });

  it('counts what is pending, retried and dead, and tells the last error', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: ({ data }) => {
        throw new Error(`cannot ${data}`);
      },
      retry: { maxAttempts: 2, ...NOT_SOON },
    });
    const daemon = await fixture.startLive([consumer]);
    await fixture.notify('first');
    await happened(daemon, 'retrying');
    await pauseConsumer(fixture.database.db, consumer.id);
    await happened(daemon, 'released');
    await fixture.notify('second');
    await fixture.notify('third');
    const status = await statusOf(consumer.id);
    expect(status).toMatchObject({ pending: 2, atLeast: false, retrying: 1, dead: 0 });
    expect(status.oldest).toBeInstanceOf(Date);
    expect(status.lastError?.error).toBe('Error: cannot first');
    expect(status.nextDueAt?.getTime()).toBeGreaterThan(Date.now() + 3_000_000);
  });

  it('counts the rest of a window, and what came since', async () => {
    for (let n = 0; n < 90; n += 1) await fixture.notify(n);
    const { opened, open } = gate();
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: async ({ data }) => {
        if (data === 10) await opened;
      },
    });
    const daemon = fixture.start([consumer], { config: { maxBatchSize: 4 } });
    await received.count(11);
    const stopped = daemon.stop();
    open();
    await stopped;
    await fixture.notify('later');
    const before = await statusOf(consumer.id);
    expect(before.partitions[0]?.until).toBeDefined();
    expect(before.pending).toBe(91 - received.all.length);
    const counted = await fixture.database.query<{ n: number }>(
      `select count(*)::int as n from pgwatch.notification_log log
       join pgwatch.consumer_cursor p on log.channel = any (p.channels)
       join pgwatch.consumer c on c.id = p.consumer_id and c.name = $1
       where not pg_visible_in_snapshot(log.xid, p.seen)
         and not (p.until is not null and log.id <= p.last_id and pg_visible_in_snapshot(log.xid, p.until))`,
      [consumer.id],
    );
    expect(before.pending).toBe(counted.rows[0]?.n);
    await fixture.start([consumer], { once: true }).ended;
    const { pool, names } = fixture.database.db;
    const passed = await countPassedSince(pool, names, [before]);
    expect(passed.get(consumer.id)).toBe(before.pending);
    expect((await statusOf(consumer.id)).pending).toBe(0);
  });

  it('takes the partitions of one that is split together', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()], { partitions: 3 });
    await fixture.start([consumer], { once: true }).ended;
    for (let n = 0; n < 9; n += 1) await fixture.notify(n, `key ${n}`);
    const status = await statusOf(consumer.id);
    expect(status.pending).toBe(9);
    expect(status.partitions.map(({ partition }) => partition)).toEqual([0, 1, 2]);
  });
});

it('a consumer without any cursor is one that nobody runs', async () => {
  await fixture.database.query(
    'insert into pgwatch.consumer (name, start_seen) values ($1, pg_current_snapshot())',
    [fixture.name()],
  );
  expect(await statusOf(fixture.name())).toMatchObject({
    state: 'stopped',
    channels: [],
    partitions: [],
    pending: 0,
  });
});

it('who runs a consumer is told without all else that is known of it', async () => {
  const { pool, names } = fixture.database.db;
  const owners = async (consumer: string) =>
    (await readOwners(pool, names)).find((one) => one.consumer === consumer);
  const { consumer } = recordingConsumer(fixture.name(), [fixture.name()], { partitions: 2 });
  const daemon = await fixture.startLive([consumer]);
  const told = { consumer: consumer.id, partitions: 2, unowned: 0, isPaused: false };
  await expect.poll(() => owners(consumer.id)).toEqual(told);
  await daemon.stop();
  expect(await owners(consumer.id)).toEqual({ ...told, unowned: 2 });
  await pauseConsumer(fixture.database.db, consumer.id);
  expect(await owners(consumer.id)).toEqual({ ...told, unowned: 2, isPaused: true });
});

it('a role that sees no sessions of others is told that the oldest writer may be missing', async (test) => {
  const role = await createRole(test);
  const { db } = fixture.database;
  await grantRights(db, { producer: [], consumer: [role.name], cleanup: [] });
  const own = openAt(role.url(fixture.database.url));
  try {
    expect((await new StatusReader(own).read()).seesOwnWritersOnly).toBe(true);
    expect((await new StatusReader(db).read()).seesOwnWritersOnly).toBe(false);
  } finally {
    await own.close();
    await fixture.database.query(`drop owned by ${role.name}`);
  }
});

describe('the status of the log', () => {
  it('tells its size, its channels and how full the queue is', async () => {
    await fixture.notify();
    await fixture.notify();
    await fixture.notify({}, null, fixture.name('b'));
    const { pool, names } = fixture.database.db;
    const status = await readLogStatus(pool, names);
    expect(status.channels).toContainEqual(
      expect.objectContaining({ channel: fixture.name(), rows: 2, atLeast: false }),
    );
    expect(status.channels).toContainEqual(
      expect.objectContaining({ channel: fixture.name('b'), rows: 1 }),
    );
    expect(status.rows).toBe(status.channels.reduce((sum, { rows }) => sum + rows, 0));
    expect(status.bytes).toBeGreaterThan(8192);
    expect(status.queueUsage).toBeGreaterThanOrEqual(0);
    expect(status.oldest?.getTime()).toBeLessThanOrEqual(status.newest?.getTime() ?? 0);
  });

  it('names the oldest writer', async () => {
    const { db } = fixture.database;
    const client = await db.pool.connect();
    try {
      await client.query('begin');
      await client.query('select smart_notify($1)', [fixture.name()]);
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      const pids: unknown[] = [];
      // Other tests of this server write, too; ours becomes the oldest in a moment.
      await expect
        .poll(async () => {
          pids.push((await findOldestWriter(db.pool))?.pid);
          return pids;
        })
        .toContain(rows[0]?.pid);
    } finally {
      await client.query('rollback');
      client.release();
    }
  });
});

describe('one notification', () => {
  it('is told with what became of it for each consumer', async () => {
    const id = await fixture.notify({ table: 'users', action: 'INSERT', id: 7 }, 'k');
    const good = recordingConsumer(`${fixture.name()}good`, [fixture.name()]);
    const bad = recordingConsumer(`${fixture.name()}bad`, [fixture.name()], {
      handle: () => {
        throw new Error('no');
      },
      retry: { maxAttempts: 1 },
    });
    const late = recordingConsumer(`${fixture.name()}late`, [fixture.name()], { start: 'latest' });
    const other = recordingConsumer(`${fixture.name()}other`, ['elsewhere']);
    const consumers = [good, bad, late, other].map(({ consumer }) => consumer);
    await fixture.start(consumers, { once: true }).ended;
    const { pool, names } = fixture.database.db;
    const record = await readNotification(pool, names, id, 1_000_000);
    expect(record).toMatchObject({ id, table: 'users', action: 'INSERT', recordId: '7', key: 'k' });
    expect(JSON.parse(record?.json ?? '')).toEqual({ table: 'users', action: 'INSERT', id: 7 });
    expect(record?.deliveries).toMatchObject([
      { consumer: bad.consumer.id, state: 'dead', attempts: 1, error: 'Error: no' },
      { consumer: good.consumer.id, state: 'handled' },
      { consumer: late.consumer.id, state: 'skipped' },
    ]);
    expect(await readNotification(pool, names, id + 1_000_000, 1)).toBeUndefined();
    expect(await readNotification(pool, names, id, 3)).toMatchObject({
      json: '{"i',
      jsonBytes: 47,
    });
  });
});

describe('a search', () => {
  async function search(
    filter: NotificationFilter,
    more: Partial<Parameters<typeof searchNotifications>[2]> = {},
  ) {
    const { pool, names } = fixture.database.db;
    const request = { filter, limit: 100, withinMs: 10_000, ...more };
    return searchNotifications(pool, names, request);
  }

  it('finds the newest first, page by page', async () => {
    const ids: number[] = [];
    for (let n = 0; n < 5; n += 1) ids.unshift(await fixture.notify(n));
    const filter = { channels: [fixture.name()] };
    const first = await search(filter, { limit: 3 });
    expect(first.notifications.map(({ id }) => id)).toEqual(ids.slice(0, 3));
    const second = await search(filter, { limit: 3, beforeId: first.nextBeforeId });
    expect(second.notifications.map(({ id }) => id)).toEqual(ids.slice(3));
    expect(second).toMatchObject({ nextBeforeId: undefined, incomplete: false });
  });

  it('says how far it came when its time is over', async () => {
    const filter = { channels: ['nobody'] };
    const found = await search(filter, { withinMs: -1 });
    expect(found).toMatchObject({ notifications: [], incomplete: true });
    expect(found.nextBeforeId).toBeGreaterThan(0);
  });

  it('goes by what a consumer has made of it', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: ({ data }) => {
        if (data === 'bad') throw new Error('no');
      },
      retry: { maxAttempts: 1 },
    });
    const good = await fixture.notify('good');
    const bad = await fixture.notify('bad');
    await fixture.start([consumer], { once: true }).ended;
    const pending = await fixture.notify('pending');
    const found = async (state?: 'handled' | 'dead' | 'pending' | 'retrying') =>
      (await search({}, { consumer: consumer.id, state })).notifications.map(({ id }) => id);
    expect(await found()).toEqual([pending, bad, good]);
    expect(await found('handled')).toEqual([good]);
    expect(await found('dead')).toEqual([bad]);
    expect(await found('pending')).toEqual([pending]);
    expect(await found('retrying')).toEqual([]);
    const { notifications } = await search({ ids: [bad] });
    expect(notifications[0]?.deliveries).toEqual({ dead: 1 });
  });
});
