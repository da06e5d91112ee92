import { Kysely, PostgresDialect } from 'kysely';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cleanupOldNotifications } from '../../src/log/prune.ts';
import { DeliveryFixture, gate, happened } from '../support/delivery-fixture.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';

const fixture = new DeliveryFixture();

beforeEach(async () => {
  await fixture.database.query('truncate pgwatch.notification_log, pgwatch.consumer cascade');
});
afterEach(() => {
  vi.useRealTimers();
});

/** Writes notifications of an age, one transaction each. Answers their ids. */
async function aged(days: number, channel = 'a', count = 1): Promise<number[]> {
  const ids: number[] = [];
  for (let n = 0; n < count; n += 1) ids.push(await fixture.notify({ n }, null, channel));
  await age(ids, days);
  return ids;
}

async function age(ids: readonly number[], days: number): Promise<void> {
  await fixture.database.query(
    `update pgwatch.notification_log set created_at = clock_timestamp() - make_interval(secs => $2 * 86400.0) where id = any ($1)`,
    [ids, days],
  );
}

/** Many of 30 days, in one transaction. */
async function manyOld(count: number, channel = 'a'): Promise<void> {
  await fixture.database.query('select count(smart_notify($1)) from generate_series(1, $2)', [
    channel,
    count,
  ]);
  await fixture.database.query(
    `update pgwatch.notification_log set created_at = created_at - interval '30 days'`,
  );
}

async function snapshot(): Promise<string> {
  const { rows } = await fixture.database.query<{ snapshot: string }>(
    'select pg_current_snapshot()::text as snapshot',
  );
  return rows[0]?.snapshot ?? '';
}

interface Position {
  readonly seen?: string;
  readonly until?: string;
  readonly lastId?: number;
}

/** A consumer as a daemon leaves it. By default it has handled nothing. */
async function consumer(
  name: string,
  channels: string[],
  { seen = '1:1:', until, lastId }: Position = {},
): Promise<void> {
  await fixture.database.query(
    `with made as (
       insert into pgwatch.consumer (name, start_seen) values ($1, '1:1:') returning id
     )
     insert into pgwatch.consumer_cursor (consumer_id, channels, seen, until, last_id)
     select id, $2, $3, $4, $5 from made`,
    [name, channels, seen, until ?? null, lastId ?? null],
  );
}

async function redelivery(
  name: string,
  id: number | undefined,
  state: 'retry' | 'dead' | 'handled',
): Promise<void> {
  await fixture.database.query(
    `insert into pgwatch.redelivery (consumer_id, notification_id, channel, state, reason)
     select id, $2, 'a', $3, 'failure' from pgwatch.consumer where name = $1`,
    [name, id, state],
  );
}

async function left(): Promise<number[]> {
  const { rows } = await fixture.database.query<{ id: string }>(
    'select id from pgwatch.notification_log order by id',
  );
  return rows.map(({ id }) => Number(id));
}

async function leftRedeliveries(): Promise<number[]> {
  const { rows } = await fixture.database.query<{ id: string }>(
    'select notification_id as id from pgwatch.redelivery order by 1',
  );
  return rows.map(({ id }) => Number(id));
}

const clean = (options: Parameters<typeof cleanupOldNotifications>[1] = {}) =>
  cleanupOldNotifications(fixture.database.pool, options);

describe('the age', () => {
  it('is 7 days unless said otherwise, and nothing younger goes, whatever the options', async () => {
    const [old] = await aged(7.01);
    const [young] = await aged(6.99);
    const [fresh] = await aged(0);
    const result = await clean({ includeUnprocessed: true, includeDead: true });
    expect(result).toMatchObject({ deleted: 1, deletedByChannel: { a: 1 }, kept: 0, keptFor: [] });
    expect(await left()).toEqual([young, fresh]);
    expect(old).toBeDefined();
  });

  it('is that of each notification, also where ids and times do not run together', async () => {
    const [one] = await aged(1);
    await aged(9);
    const [two] = await aged(2);
    await aged(8);
    expect((await clean()).deleted).toBe(2);
    expect(await left()).toEqual([one, two]);
  });

  it('may be a fraction of a day, or none at all', async () => {
    await aged(0.6);
    const [young] = await aged(0.4);
    expect((await clean({ days: 0.5 })).deleted).toBe(1);
    expect(await left()).toEqual([young]);
    expect((await clean({ days: 0 })).deleted).toBe(1);
    expect(await left()).toEqual([]);
  });

  it('may be more than any log is old', async () => {
    await aged(1000);
    expect(await clean({ days: 1e15 })).toMatchObject({ deleted: 0, kept: 0 });
    expect(await left()).toHaveLength(1);
  });

  it('is measured by the clock of the server, which wrote the times', async () => {
    await aged(10);
    const [young] = await aged(1);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 365 * 86_400_000 });
    const { deleted, olderThan } = await clean();
    vi.useRealTimers();
    expect(deleted).toBe(1);
    expect(await left()).toEqual([young]);
    expect(Math.abs(olderThan.getTime() - (Date.now() - 7 * 86_400_000))).toBeLessThan(3_600_000);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('of %d days is refused', async (days) => {
    await aged(30);
    await expect(clean({ days })).rejects.toMatchObject({
      code: 'USAGE',
      hint: expect.any(String),
    });
    expect(await left()).toHaveLength(1);
  });
});

describe('what a consumer has not handled', () => {
  it('stays, and it is said for whom', async () => {
    const [handled] = await aged(30);
    const seen = await snapshot();
    const [open] = await aged(30);
    const [other] = await aged(30, 'b');
    await consumer('ahead', ['a'], { seen: await snapshot() });
    await consumer('behind', ['x', 'a'], { seen });
    expect(await clean()).toMatchObject({
      deleted: 2,
      deletedByChannel: { a: 1, b: 1 },
      kept: 1,
      keptFor: [{ consumer: 'behind', because: 'unhandled', count: 1 }],
    });
    expect(await left()).toEqual([open]);
    expect([handled, other]).not.toContain(open);
  });

  it('stays when it was written by a transaction that ran at the time of the snapshot', async () => {
    const writer = await fixture.database.pool.connect();
    await writer.query('begin');
    const { rows } = await writer.query<{ id: string }>(`select smart_notify('a') as id`);
    const late = Number(rows[0]?.id);
    await aged(30);
    const seen = await snapshot();
    await writer.query('commit');
    writer.release();
    await age([late], 30);
    await consumer('c', ['a'], { seen });
    expect(await clean()).toMatchObject({ deleted: 1, kept: 1 });
    expect(await left()).toEqual([late]);
  });

  it('in the middle of a window is what comes after its last id, or after the window', async () => {
    const ids = await aged(30, 'a', 4);
    const until = await snapshot();
    const [after] = await aged(30);
    await consumer('c', ['a'], { until, lastId: ids[1] ?? 0 });
    expect(await clean()).toMatchObject({
      deleted: 2,
      kept: 3,
      keptFor: [{ consumer: 'c', because: 'unhandled', count: 3 }],
    });
    expect(await left()).toEqual([ids[2], ids[3], after]);
  });

  it('is what the window passed over, when its id is below the last but its transaction ran on', async () => {
    const writer = await fixture.database.pool.connect();
    await writer.query('begin');
    const { rows } = await writer.query<{ id: string }>(`select smart_notify('a') as id`);
    const late = Number(rows[0]?.id);
    const ids = await aged(30, 'a', 2);
    const until = await snapshot();
    await writer.query('commit');
    writer.release();
    await age([late], 30);
    await consumer('c', ['a'], { until, lastId: ids[1] ?? 0 });
    expect((await clean()).deleted).toBe(2);
    expect(await left()).toEqual([late]);
  });

  it('goes with includeUnprocessed, and with it what is to be retried', async () => {
    const [unhandled, retrying, dead] = await aged(30, 'a', 3);
    await consumer('c', ['a']);
    await redelivery('c', retrying, 'retry');
    await redelivery('c', dead, 'dead');
    const dry = await clean({ includeUnprocessed: true, dryRun: true });
    expect(await left()).toEqual([unhandled, retrying, dead]);
    const result = await clean({ includeUnprocessed: true });
    expect(result).toMatchObject({
      deleted: 2,
      kept: 1,
      keptFor: [{ consumer: 'c', because: 'dead', count: 1 }],
    });
    expect({ ...dry, olderThan: null }).toEqual({ ...result, olderThan: null });
    expect(await left()).toEqual([dead]);
    expect(await leftRedeliveries()).toEqual([dead]);
  });

  it('does not keep what is on channels that are not its own', async () => {
    await aged(30, 'a');
    await consumer('c', ['A', 'a ', 'b']);
    expect((await clean()).deleted).toBe(1);
  });
});

describe('what a consumer is to be given again', () => {
  it('stays, retries as well as dead letters, each counted once', async () => {
    const [retrying, dead, both] = await aged(30, 'a', 3);
    const seen = await snapshot();
    await consumer('one', ['a'], { seen });
    await consumer('two', ['a'], { seen });
    await redelivery('one', retrying, 'retry');
    await redelivery('one', dead, 'dead');
    await redelivery('one', both, 'retry');
    await redelivery('two', both, 'dead');
    const result = await clean();
    expect(result).toMatchObject({ deleted: 0, deletedByChannel: {}, kept: 3 });
    expect(
      [...result.keptFor].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    ).toEqual([
      { consumer: 'one', because: 'dead', count: 1 },
      { consumer: 'one', because: 'retrying', count: 2 },
      { consumer: 'two', because: 'dead', count: 1 },
    ]);
    expect(await left()).toEqual([retrying, dead, both]);
  });

  it('is dead, not also unhandled, before the cursor has passed it', async () => {
    const [dead, open] = await aged(30, 'a', 2);
    await consumer('c', ['a']);
    await redelivery('c', dead, 'dead');
    const result = await clean();
    expect(result.kept).toBe(2);
    expect(result.keptFor).toHaveLength(2);
    expect(result.keptFor).toEqual(
      expect.arrayContaining([
        { consumer: 'c', because: 'dead', count: 1 },
        { consumer: 'c', because: 'unhandled', count: 1 },
      ]),
    );
    expect((await clean({ includeDead: true })).deleted).toBe(1);
    expect(await left()).toEqual([open]);
  });

  it('goes when it is handled, though the stored cursor has not passed it', async () => {
    const [handled, open] = await aged(30, 'a', 2);
    await consumer('c', ['a']);
    await redelivery('c', handled, 'handled');
    expect(await clean()).toMatchObject({
      deleted: 1,
      keptFor: [{ consumer: 'c', because: 'unhandled', count: 1 }],
    });
    expect(await left()).toEqual([open]);
    expect(await leftRedeliveries()).toEqual([]);
  });

  it('goes with includeDead if it is dead for all who have it, with its redeliveries', async () => {
    const [dead, deadAndRetrying, young] = await aged(30, 'a', 3);
    const seen = await snapshot();
    await age([young ?? 0], 1);
    await consumer('one', ['a'], { seen });
    await consumer('two', ['a'], { seen });
    for (const name of ['one', 'two']) await redelivery(name, dead, 'dead');
    await redelivery('one', deadAndRetrying, 'dead');
    await redelivery('two', deadAndRetrying, 'retry');
    await redelivery('one', young, 'dead');
    expect(await clean({ includeDead: true })).toMatchObject({
      deleted: 1,
      kept: 1,
      keptFor: [{ consumer: 'two', because: 'retrying', count: 1 }],
    });
    expect(await left()).toEqual([deadAndRetrying, young]);
    expect(await leftRedeliveries()).toEqual([deadAndRetrying, deadAndRetrying, young]);
  });
});

describe('a dry run', () => {
  it('changes nothing and gives the numbers of the real one', async () => {
    await manyOld(2_500);
    await consumer('c', ['b']);
    await aged(30, 'b', 3);
    await aged(1, 'a');
    const dry = await clean({ dryRun: true });
    expect(await left()).toHaveLength(2_504);
    const real = await clean();
    expect(dry).toMatchObject({ deleted: 2_500, deletedByChannel: { a: 2_500 }, kept: 3 });
    expect({ ...real, olderThan: null }).toEqual({ ...dry, olderThan: null });
    expect(await left()).toHaveLength(4);
  });
});

describe('a long clean-up', () => {
  it('goes in transactions of 2,000 notifications, says how far it is, and can be ended between them', async () => {
    await manyOld(4_500);
    const ending = new AbortController();
    const first = await clean({ signal: ending.signal, onProgress: () => ending.abort() });
    expect(first.deleted).toBe(2_000);
    expect(await left()).toHaveLength(2_500);
    const shares: number[] = [];
    const second = await clean({
      onProgress: ({ share, soFar }) => {
        shares.push(share);
        expect(soFar.deleted).toBeGreaterThan(0);
      },
    });
    expect(second.deleted).toBe(2_500);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares.at(-1)).toBe(1);
    expect(await left()).toEqual([]);
  });

  it('passes over thousands that must stay to what may go', async () => {
    await manyOld(5_000, 'kept');
    await manyOld(10, 'a');
    await consumer('c', ['kept']);
    expect(await clean()).toMatchObject({
      deleted: 10,
      kept: 5_000,
      keptFor: [{ consumer: 'c', because: 'unhandled', count: 5_000 }],
    });
  });

  it('may be done by two at once', async () => {
    await manyOld(6_000);
    const results = await Promise.all([clean(), clean()]);
    expect(await left()).toEqual([]);
    expect(results.reduce((sum, { deleted }) => sum + deleted, 0)).toBe(6_000);
  });
});

describe('beside a running consumer', () => {
  it('deletes what has been handled and nothing that has not', async () => {
    const opened = gate();
    const { consumer: running, received } = recordingConsumer('c', ['a'], {
      handle: ({ data }) => (Object(data)['stop'] ? opened.opened : undefined),
    });
    const daemon = await fixture.startLive([running]);
    await manyOld(3_000);
    await fixture.notify({ stop: true }, null, 'a');
    await manyOld(1_000);
    while (received.all.length < 3_001) await clean();
    // The handler of the one with "stop" is at work; the thousand behind it wait.
    expect((await clean()).kept).toBeGreaterThanOrEqual(1_001);
    opened.open();
    await received.count(4_001);
    await daemon.stop();
    await clean();
    const ids = received.all.map(({ notificationLogId }) => notificationLogId);
    expect(ids).toHaveLength(4_001);
    expect(new Set(ids).size).toBe(4_001);
    expect(await left()).toEqual([]);
  });

  it('keeps what it dead-lettered', async () => {
    const { consumer: failing } = recordingConsumer('c', ['a'], {
      handle: ({ data }) => {
        if (Object(data)['n'] === 1) throw new Error('no');
      },
    });
    const ids = await aged(30, 'a', 3);
    const daemon = await fixture.startLive([failing]);
    await happened(daemon, 'dead-lettered');
    await daemon.stop();
    expect(await clean()).toMatchObject({
      deleted: 2,
      kept: 1,
      keptFor: [{ consumer: 'c', because: 'dead', count: 1 }],
    });
    expect(await left()).toEqual([ids[1]]);
  });

  it('does not keep what a consumer that starts with the latest skipped', async () => {
    await aged(30, 'a', 3);
    const { consumer: latest } = recordingConsumer('c', ['a'], { start: 'latest' });
    const daemon = await fixture.startLive([latest]);
    await daemon.stop();
    expect((await clean()).deleted).toBe(3);
  });
});

describe('the handle', () => {
  it('may be Kysely, or a transaction, which takes it all back', async () => {
    await aged(30, 'a', 2);
    const kysely = new Kysely<unknown>({
      dialect: new PostgresDialect({ pool: fixture.database.pool }),
    });
    const rolledBack = kysely.transaction().execute(async (trx) => {
      expect((await cleanupOldNotifications(trx)).deleted).toBe(2);
      throw new Error('no');
    });
    await expect(rolledBack).rejects.toThrow('no');
    expect(await left()).toHaveLength(2);
    expect((await cleanupOldNotifications(kysely, { schema: 'pgwatch' })).deleted).toBe(2);
  });
});
