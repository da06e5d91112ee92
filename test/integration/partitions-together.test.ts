import { describe, expect, it } from 'vitest';
import { defineConsumer } from '../../src/consumer/define-consumer.ts';
import { cleanupOldNotifications } from '../../src/log/prune.ts';
import { DeliveryFixture, gate, happened } from '../support/delivery-fixture.ts';
import { EventLog } from '../support/event-log.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';

const fixture = new DeliveryFixture();
const KEYS = Array.from({ length: 12 }, (_, n) => `key ${n}`);

/** So many for each key, in turns. */
async function write(times: number, channel = fixture.name()): Promise<number[]> {
  const { rows } = await fixture.database.query<{ id: string }>(
    `select smart_notify($1, to_jsonb(n), k) as id
     from generate_series(1, $3) n, unnest($2::text[]) k`,
    [channel, KEYS, times],
  );
  return rows.map(({ id }) => Number(id));
}

/** Those that belong to a partition. */
async function ofPartition(ids: readonly number[], number: number, of: number): Promise<number[]> {
  const { rows } = await fixture.database.query<{ id: string }>(
    `select id from pgwatch.notification_log
     where id = any ($1) and pgwatch.partition_of(key, id, $3) = $2 order by id`,
    [ids, number, of],
  );
  return rows.map(({ id }) => Number(id));
}

const ASCENDING = (a: number, b: number) => a - b;

describe('a consumer with partitions', () => {
  it('that is transactional commits everything exactly once, each key in order', async () => {
    await fixture.database.query('create table done (n serial, id bigint, key text)');
    const consumer = defineConsumer({
      id: fixture.name(),
      channels: [fixture.name()],
      partitions: 3,
      transactional: true,
      handle: ({ notificationLogId: id, key, attempt }, { transaction }) => {
        if (id % 5 === 0 && attempt === 1) throw new Error('not yet');
        return transaction.insertInto('done').values({ id, key }).execute();
      },
    });
    const ids = await write(4);
    const first = await fixture.startLive([consumer]);
    const second = fixture.start([consumer]);
    await second.events.until((all) => all.some(({ type }) => type === 'claimed'));
    ids.push(...(await write(4)));
    const done = async () => {
      const { rows } = await fixture.database.query<{ id: string; key: string }>(
        'select id, key from done order by n',
      );
      return rows;
    };
    await expect.poll(async () => (await done()).length, { timeout: 30_000 }).toBe(ids.length);
    await Promise.all([first.stop(), second.stop()]);
    const rows = await done();
    expect(rows.map(({ id }) => Number(id)).sort(ASCENDING)).toEqual(ids);
    for (const key of KEYS) {
      const ofKey = rows.filter((row) => row.key === key).map(({ id }) => Number(id));
      expect(ofKey).toEqual([...ofKey].sort(ASCENDING));
    }
  });

  it('runs as many handlers in each as its concurrency says', async () => {
    const finish = gate();
    const running = new EventLog<string | null>();
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()], {
      partitions: 2,
      concurrency: 2,
      handle: async ({ key }) => {
        running.add(key);
        await finish.opened;
      },
    });
    const ids = await write(1);
    const daemon = fixture.start([consumer], { once: true });
    await running.count(4);
    await new Promise(setImmediate);
    expect(running.all).toHaveLength(4);
    finish.open();
    await daemon.ended;
    expect(running.all).toHaveLength(ids.length);
  });

  it('gives calls of several notifications what belongs to one partition', async () => {
    const calls = new EventLog<readonly number[]>();
    const consumer = defineConsumer({
      id: fixture.name(),
      channels: [fixture.name()],
      partitions: 2,
      batchSize: 4,
      handleBatch: (batch) => calls.add(batch.map(({ notificationLogId }) => notificationLogId)),
    });
    const ids = await write(2);
    await fixture.start([consumer], { once: true }).ended;
    expect(calls.all.flat().sort(ASCENDING)).toEqual(ids);
    expect(calls.all.some((call) => call.length > 1)).toBe(true);
    const even = new Set(await ofPartition(ids, 0, 2));
    for (const call of calls.all) {
      expect(new Set(call.map((id) => even.has(id))).size).toBe(1);
    }
  });

  it('that is run with once leaves to others what they run', async () => {
    const busy = gate();
    const running = recordingConsumer(fixture.name(), [fixture.name()], {
      partitions: 2,
      handle: () => busy.opened,
    });
    const daemon = await fixture.startLive([running.consumer]);
    const ids = await write(1);
    await running.received.count(2);
    const once = recordingConsumer(fixture.name(), [fixture.name()], { partitions: 2 });
    await fixture.start([once.consumer], { once: true }).ended;
    expect(once.ids()).toEqual([]);
    busy.open();
    await running.received.count(ids.length);
    await daemon.stop();
  });

  it('gets the history of a gained channel, each part its own', async () => {
    const [known, gained] = [fixture.name('known'), fixture.name('gained')];
    const old = recordingConsumer(fixture.name(), [known], { partitions: 3 });
    const ids = await write(1, known);
    const history = await write(2, gained);
    await fixture.start([old.consumer], { once: true }).ended;
    const wide = recordingConsumer(fixture.name(), [known, gained], { partitions: 3 });
    await fixture.start([wide.consumer], { once: true }).ended;
    expect(old.ids().sort(ASCENDING)).toEqual(ids);
    expect(wide.ids().sort(ASCENDING)).toEqual(history);
    expect(wide.received.all.every(({ isReplay }) => isReplay)).toBe(true);
  });

  it('keeps from a clean-up what one of its partitions has not handled', async () => {
    const stuck = gate();
    const number = await partitionOf('key 0');
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()], {
      partitions: 2,
      handle: async ({ key }) => {
        if (key === 'key 0') await stuck.opened;
      },
    });
    const ids = await write(2);
    await fixture.database.query(
      `update pgwatch.notification_log set created_at = now() - interval '30 days' where id = any ($1)`,
      [ids],
    );
    const daemon = fixture.start([consumer]);
    const behind = await ofPartition(ids, number, 2);
    const others = ids.filter((id) => !behind.includes(id));
    await daemon.events.until(
      (all) => all.filter(({ type }) => type === 'handled').length >= others.length,
    );
    await happened(daemon, 'live');
    await expect
      .poll(async () => (await cleanupOldNotifications(fixture.database.pool)).keptFor)
      .toEqual([{ consumer: fixture.name(), because: 'unhandled', count: behind.length }]);
    const { rows } = await fixture.database.query<{ id: string }>(
      'select id from pgwatch.notification_log where id = any ($1) order by id',
      [ids],
    );
    expect(rows.map(({ id }) => Number(id))).toEqual(behind);
    stuck.open();
  });
});

async function partitionOf(key: string): Promise<number> {
  const { rows } = await fixture.database.query<{ number: number }>(
    'select pgwatch.partition_of($1, 0, 2) as number',
    [key],
  );
  return rows[0]?.number ?? 0;
}
