import { describe, expect, it } from 'vitest';
import { readLogStatistics } from '../../src/observe/log-statistics.ts';
import { walkLog } from '../../src/observe/log-walk.ts';
import type { NotificationSearch } from '../../src/observe/notification-search.ts';
import { searchNotifications } from '../../src/observe/notification-search.ts';
import { readRowHistory } from '../../src/observe/row-history.ts';
import { DeliveryFixture } from '../support/delivery-fixture.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';

const fixture = new DeliveryFixture();

/** Many that are not looked for, in one transaction. */
async function fill(rows: number, channel = 'filler') {
  await fixture.database.query(
    `insert into pgwatch.notification_log (channel, key, payload)
     select $2, 'filler', jsonb_build_object('n', n) from generate_series(1, $1::int) as n`,
    [rows, channel],
  );
}

async function search(request: Partial<NotificationSearch>) {
  const { pool, names } = fixture.database.db;
  const found = await searchNotifications(pool, names, {
    filter: {},
    limit: 100,
    withinMs: 60_000,
    ...request,
  });
  return { ...found, ids: found.notifications.map(({ id }) => id) };
}

describe('a walk through the log', () => {
  it('goes on with smaller slices when one takes too long, and finds all the same', async () => {
    const sizes: number[] = [];
    const { found, rest, incomplete } = await walkLog(fixture.database.db.pool, {
      range: { firstId: 1, lastId: 1_000 },
      order: 'newest first',
      limit: 1_000_000,
      withinMs: 60_000,
      look: async (_db, { firstId, lastId }) => {
        sizes.push(lastId - firstId + 1);
        // As the server does it when the time for a statement is over.
        if (lastId - firstId > 100) throw Object.assign(new Error('canceled'), { code: '57014' });
        return Array.from({ length: lastId - firstId + 1 }, (_, at) => ({ id: lastId - at }));
      },
    });
    expect(Math.min(...sizes)).toBeLessThan(101);
    expect(found.map(({ id }) => id)).toEqual(Array.from({ length: 1_000 }, (_, at) => 1_000 - at));
    expect({ rest, incomplete }).toEqual({ rest: undefined, incomplete: false });
  });

  it.each([
    ['newest first', [9, 8, 7], { firstId: 1, lastId: 6 }],
    ['oldest first', [1, 2, 3], { firstId: 4, lastId: 9 }],
  ] as const)('%s says what is left', async (order, ids, left) => {
    const { found, rest } = await walkLog(fixture.database.db.pool, {
      range: { firstId: 1, lastId: 9 },
      order,
      limit: 3,
      withinMs: 60_000,
      look: async () => ids.map((id) => ({ id })),
    });
    expect(found.map(({ id }) => id)).toEqual(ids);
    expect(rest).toEqual(left);
  });

  it('throws what is no lack of time', async () => {
    const walk = walkLog(fixture.database.db.pool, {
      range: { firstId: 1, lastId: 9 },
      order: 'newest first',
      limit: 1,
      withinMs: 60_000,
      look: () => Promise.reject(new Error('broken')),
    });
    await expect(walk).rejects.toThrow('broken');
  });
});

describe('a search', () => {
  it('finds by table, action, record id, field, key and channel', async () => {
    const change = (id: unknown, action: string, status: string) => ({
      table: 'orders',
      action,
      id,
      new_data: { status, total: 1 },
    });
    const first = await fixture.notify(change('12345678901234567891', 'INSERT', 'open'), 'k 1');
    const second = await fixture.notify(change(7, 'UPDATE', 'paid'), 'k 2');
    await fill(3_000);
    const where = (path: string, value: string) =>
      search({ filter: { channels: [fixture.name()], where: [{ path: path.split('.'), value }] } });
    expect((await where('table', 'orders')).ids).toEqual([second, first]);
    expect((await where('action', 'INSERT')).ids).toEqual([first]);
    expect((await where('id', '12345678901234567891')).ids).toEqual([first]);
    expect((await where('id', '12345678901234567890')).ids).toEqual([]);
    expect((await where('new_data.status', 'paid')).ids).toEqual([second]);
    expect((await search({ filter: { key: 'k 2' } })).ids).toEqual([second]);
    expect((await search({ filter: { channels: [fixture.name()] } })).ids).toEqual([second, first]);
    const [summary] = (await search({ filter: { ids: [second] } })).notifications;
    expect(summary).toMatchObject({ table: 'orders', action: 'UPDATE', recordId: '7', key: 'k 2' });
  });

  it('finds the few that are pending, dead or retried among many that are handled', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: ({ data }) => {
        if (data !== 'good') throw new Error('no');
      },
      retry: { maxAttempts: 1 },
    });
    const early = await fixture.notify('bad');
    await fixture.notify('good');
    await fixture.start([consumer], { once: true }).ended;
    const pending = await fixture.notify('good');
    await fill(3_000);
    const later = await fixture.notify('good');
    const of = async (state: 'pending' | 'dead' | 'retrying', limit = 100) =>
      search({ consumer: consumer.id, state, limit });
    expect((await of('pending')).ids).toEqual([later, pending]);
    expect((await of('dead')).ids).toEqual([early]);
    expect((await of('retrying')).ids).toEqual([]);
    const page = await of('pending', 1);
    expect(page).toMatchObject({ ids: [later], nextBeforeId: later });
    const next = await search({
      consumer: consumer.id,
      state: 'pending',
      beforeId: page.nextBeforeId,
    });
    expect(next).toMatchObject({ ids: [pending], nextBeforeId: undefined, incomplete: false });
  });

  it('tells which columns a record’s id may be from, and does not look into what is large', async () => {
    const one = await fixture.notify({
      id: 'ada@example.com',
      new_data: { email: 'ada@example.com', n: 1 },
    });
    const two = await fixture.notify({ id: { a: 1, b: 2 }, old_data: null });
    const { rows } = await fixture.database.query<{ id: string }>(
      `select smart_notify($1, jsonb_build_object('table', 't', 'noise', (
         select string_agg(md5(n::text), '') from generate_series(1, 9000) as n))) as id`,
      [fixture.name()],
    );
    const { notifications } = await search({ filter: { channels: [fixture.name()] } });
    expect(notifications).toMatchObject([
      { id: Number(rows[0]?.id), isLarge: true, table: undefined, idColumns: [] },
      { id: two, isLarge: false, idColumns: ['a', 'b'] },
      { id: one, isLarge: false, idColumns: ['email'] },
    ]);
  });
});

describe('the history of a row', () => {
  it('is what has the same key, nearest first on both sides', async () => {
    const ids: number[] = [];
    for (let n = 0; n < 7; n += 1) {
      ids.push(await fixture.notify(n, 'row'));
      await fixture.notify(n, 'other');
      await fill(200);
    }
    const { pool, names } = fixture.database.db;
    const [, a, b, middle = 0, c, d] = ids;
    const history = await readRowHistory(pool, names, {
      id: middle,
      by: 'key',
      limit: 2,
      withinMs: 60_000,
    });
    expect(history.older.map(({ id }) => id)).toEqual([b, a]);
    expect(history.newer.map(({ id }) => id)).toEqual([d, c]);
    expect(history).toMatchObject({ moreOlder: true, moreNewer: true, lookedAt: undefined });
    const all = await readRowHistory(pool, names, {
      id: middle,
      by: 'key',
      limit: 3,
      withinMs: 60_000,
    });
    expect(all).toMatchObject({ moreNewer: false });
    expect([...all.newer, ...all.older]).toHaveLength(6);
  });

  it('without a key is what has the same channel, table and record id', async () => {
    const first = await fixture.notify({ table: 't', id: 7, n: 1 });
    await fixture.notify({ table: 't', id: 8 });
    await fixture.notify({ table: 'u', id: 7 });
    await fixture.notify({ table: 't', id: 7 }, null, fixture.name('other'));
    const second = await fixture.notify({ table: 't', id: 7, n: 2 });
    const { pool, names } = fixture.database.db;
    const of = (id: number) =>
      readRowHistory(pool, names, { id, by: 'record', limit: 5, withinMs: 60_000 });
    expect((await of(second)).older.map(({ id }) => id)).toEqual([first]);
    expect((await of(first)).newer.map(({ id }) => id)).toEqual([second]);
  });

  it('says between which ids it was looked for when there was not time for all', async () => {
    const id = await fixture.notify({}, 'row');
    const { pool, names } = fixture.database.db;
    const { lookedAt, newer, older } = await readRowHistory(pool, names, {
      id,
      by: 'key',
      limit: 5,
      withinMs: -1,
    });
    expect({ lookedAt, newer, older }).toEqual({
      lookedAt: { firstId: id, lastId: id },
      newer: [],
      older: [],
    });
  });
});

describe('statistics', () => {
  it('tell what each hour brought, what is handled of it, and the channels with the most', async () => {
    const { pool, names } = fixture.database.db;
    await fixture.database.query('truncate pgwatch.notification_log');
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
    const write = (rows: number, channel: string, ago: string) =>
      fixture.database.query(
        `insert into pgwatch.notification_log (channel, payload, created_at)
         select $2, '{}', clock_timestamp() - $3::interval from generate_series(1, $1::int)`,
        [rows, channel, ago],
      );
    await write(5, fixture.name(), '3 days');
    await write(30, fixture.name(), '150 minutes');
    await fixture.start([consumer], { once: true }).ended;
    await write(10, fixture.name(), '30 minutes');
    await write(20, 'nobodys', '20 minutes');
    const { hours, channels } = await readLogStatistics(pool, names, 60_000);
    expect(hours).toHaveLength(24);
    expect(hours.slice(-3)).toMatchObject([
      { written: 30, handled: 30, isEstimate: false },
      { written: 0, handled: 0 },
      { written: 30, handled: 0 },
    ]);
    expect(hours.reduce((sum, { written }) => sum + written, 0)).toBe(60);
    expect(channels).toMatchObject([
      { channel: fixture.name(), written: 40, isWrittenAtLeast: false, rows: 45 },
      { channel: 'nobodys', written: 20, rows: 20, isRowsAtLeast: false },
    ]);
  });

  it('of many ask a sample what is handled', async () => {
    const { pool, names } = fixture.database.db;
    await fixture.database.query('truncate pgwatch.notification_log');
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
    await fill(3_000, fixture.name());
    await fixture.start([consumer], { once: true }).ended;
    await fill(1_000, fixture.name());
    const { hours } = await readLogStatistics(pool, names, 60_000);
    const last = hours.at(-1);
    expect(last).toMatchObject({ written: 4_000, isEstimate: true });
    expect(last?.handled).toBeGreaterThan(2_900);
    expect(last?.handled).toBeLessThan(3_100);
  });

  it('of an empty log are empty', async () => {
    const { pool, names } = fixture.database.db;
    await fixture.database.query('truncate pgwatch.notification_log');
    const { hours, channels } = await readLogStatistics(pool, names, 60_000);
    expect(hours.every(({ written, handled }) => written === 0 && handled === 0)).toBe(true);
    expect(channels).toEqual([]);
  });
});
