import { describe, expect, it } from 'vitest';
import { RedeliveryStore } from '../../src/delivery/redelivery/redelivery-store.ts';
import { forgetConsumer, pauseConsumer } from '../../src/steer/consumer-steering.ts';
import { discard } from '../../src/steer/discard.ts';
import { scheduleReplay } from '../../src/steer/replay.ts';
import { STEERING_CHANNEL } from '../../src/wake/steering-channel.ts';
import { DeliveryFixture, gate, happened } from '../support/delivery-fixture.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';

// What is changed from outside while a daemon runs: neither sees what the other has not committed yet.

const fixture = new DeliveryFixture();

const idOf = (name: string) => `(select id from pgwatch.consumer where name = '${name}')`;

/** As a statement leaves it that did not see how what it waits behind was settled meanwhile. */
function letWait(consumer: string, id: number, key: string) {
  return fixture.database.query(
    `insert into pgwatch.redelivery (consumer_id, notification_id, channel, key, reason, due_at)
     values (${idOf(consumer)}, $1, $2, $3, 'failure', 'infinity')`,
    [id, fixture.name(), key],
  );
}

/** What writes the redeliveries of a consumer that runs. */
async function storeOf(consumer: string, epoch: number): Promise<RedeliveryStore> {
  const { rows } = await fixture.database.query<{ id: number; life: string }>(
    `select ${idOf(consumer)} as id, (select id from pgwatch.server_life) as life`,
  );
  const [found] = rows;
  if (found === undefined) throw new Error('It is not registered.');
  const { db } = fixture.database;
  const { id: consumerId, life } = found;
  const hold = { consumerId, partition: 0, epoch, life, leaseSeconds: 15 };
  return new RedeliveryStore(db.pool, db.names, hold);
}

/** Tells the daemons that something was changed. */
function ring(consumer: string) {
  return fixture.database.query(
    `update pgwatch.consumer set steered = steered + 1 where name = $1 returning pg_notify('pgwatch', $2)`,
    [consumer, STEERING_CHANNEL],
  );
}

/** A statement with which a daemon has looked when the next is due, begun after some time. */
async function lookedAfter(time: Date): Promise<boolean> {
  const { rowCount } = await fixture.database.query(
    `select from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid()
       and query like '%min(due_at) as next%' and query_start > $1`,
    [time],
  );
  return (rowCount ?? 0) > 0;
}

/** For a lock. */
async function untilSomebodyWaits(): Promise<void> {
  const waiting = async () => {
    const { rowCount } = await fixture.database.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return rowCount;
  };
  await expect.poll(waiting).toBe(1);
}

async function serverTime(): Promise<Date> {
  const { rows } = await fixture.database.query<{ now: Date }>('select clock_timestamp() as now');
  return rows[0]?.now ?? new Date();
}

describe('what waits behind nothing', () => {
  it('is handled when daemons are told, and nothing new of its key before it', async () => {
    const { consumer, ids } = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.startLive([consumer]);
    const old = await fixture.notify({}, 'k');
    await expect.poll(ids).toEqual([old]);
    await letWait(consumer.id, old, 'k');
    await ring(consumer.id);
    await expect.poll(ids).toEqual([old, old]);
    const fresh = await fixture.notify({}, 'k');
    await expect.poll(ids).toEqual([old, old, fresh]);
  });

  it('is handled though something else is retried much later', async () => {
    const { consumer, ids } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: ({ data }) => {
        if (data === 'fails') throw new Error('no');
      },
      retry: { minDelaySeconds: 3600, maxDelaySeconds: 3600 },
    });
    const daemon = await fixture.startLive([consumer]);
    const other = await fixture.notify('fails', 'other');
    await happened(daemon, 'retrying');
    const old = await fixture.notify({}, 'k');
    await expect.poll(ids).toEqual([other, old]);
    await letWait(consumer.id, old, 'k');
    await ring(consumer.id);
    await expect.poll(ids).toEqual([other, old, old]);
  });
});

describe('a discard', () => {
  it('also gives up what a running daemon has fetched already', async () => {
    const { opened, open } = gate();
    const started = gate();
    const { consumer, ids } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: async ({ isReplay }) => {
        if (!isReplay) return;
        started.open();
        await opened;
      },
    });
    await fixture.startLive([consumer]);
    const all = [await fixture.notify(), await fixture.notify(), await fixture.notify()];
    await expect.poll(ids).toEqual(all);
    const request = { consumer: consumer.id, filter: { ids: all } };
    await expect.poll(() => scheduleReplay(fixture.database.db, request)).toBe(3);
    await started.opened;
    const discardedAt = await serverTime();
    expect(await discard(fixture.database.db, request)).toBe(3);
    await expect.poll(() => lookedAfter(discardedAt)).toBe(true);
    open();
    const last = await fixture.notify();
    await expect.poll(ids).toContain(last);
    expect(ids()).toEqual([...all, all[0], last]);
    expect(await fixture.redeliveries(consumer.id)).toEqual([]);
  });

  it.each([
    ['would be retried', { minDelaySeconds: 3600, maxDelaySeconds: 3600 }],
    ['would be a dead letter', { maxAttempts: 1 }],
  ])('of what is being attempted is not undone when that fails and %s', async (_, retry) => {
    const { opened, open } = gate();
    const started = gate();
    let isMended = true;
    const { consumer, ids } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: async () => {
        if (isMended) return;
        started.open();
        await opened;
        throw new Error('no');
      },
      retry,
    });
    const daemon = await fixture.startLive([consumer]);
    const id = await fixture.notify({}, 'k');
    await expect.poll(ids).toEqual([id]);
    isMended = false;
    const request = { consumer: consumer.id, filter: { ids: [id] } };
    await expect.poll(() => scheduleReplay(fixture.database.db, request)).toBe(1);
    await started.opened;
    expect(await discard(fixture.database.db, request)).toBe(1);
    isMended = true;
    open();
    await happened(daemon, 'given-up');
    expect(await fixture.redeliveries(consumer.id)).toEqual([]);
    const next = await fixture.notify({}, 'k');
    await expect.poll(ids).toEqual([id, id, next]);
  });

  it('of more than fits in one transaction gives up all, and lets none go on meanwhile', async () => {
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.start([consumer], { once: true }).ended;
    await fixture.database.query(
      `select smart_notify($1, '{}', 'k') from generate_series(1, 6000)`,
      [fixture.name()],
    );
    // All behind one that is due in an hour.
    await fixture.database.query(
      `insert into pgwatch.redelivery (consumer_id, notification_id, channel, key, reason, due_at)
       select ${idOf(consumer.id)}, id, channel, key, 'failure',
              case row_number() over (order by id) when 1 then now() + interval '1 h' else 'infinity' end
       from pgwatch.notification_log where channel = $1`,
      [fixture.name()],
    );
    const due = () =>
      fixture.database.query('select from pgwatch.redelivery where due_at <= now()');
    const discarding = discard(fixture.database.db, { consumer: consumer.id, filter: {} });
    expect((await due()).rowCount).toBe(0);
    expect(await discarding).toBe(6000);
    await fixture.start([consumer], { once: true }).ended;
    expect(received.all).toEqual([]);
  });
});

it('a dead letter stays one when it is written twice, after an answer that was lost', async () => {
  const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
  const daemon = await fixture.startLive([consumer]);
  const { epoch } = await happened(daemon, 'claimed');
  const id = await fixture.notify();
  await letWait(consumer.id, id, 'k');
  const store = await storeOf(consumer.id, epoch);
  const row = {
    id,
    channel: fixture.name(),
    key: 'k',
    json: '{}',
    writtenAt: 0,
    traceparent: null,
  };
  const written = { write: 'written', isGivenUp: false };
  expect(await store.bury(row, 3, 'no', true)).toEqual(written);
  expect(await store.bury(row, 3, 'no', true)).toEqual(written);
  expect(await fixture.redeliveries(consumer.id)).toMatchObject([{ state: 'dead', attempt: 3 }]);
});

describe('a replay', () => {
  it('waits for a change of the partitions, and goes to those that there are then', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()], { partitions: 4 });
    const ids: number[] = [];
    for (let number = 0; number < 20; number += 1) {
      ids.push(await fixture.notify({}, `key ${number}`));
    }
    await fixture.start([consumer], { once: true }).ended;
    const change = await fixture.database.connect();
    try {
      await change.query('begin');
      await change.query(`select from pgwatch.consumer where name = $1 for update`, [consumer.id]);
      const replaying = scheduleReplay(fixture.database.db, {
        consumer: consumer.id,
        filter: { ids },
      });
      await untilSomebodyWaits();
      await change.query(`update pgwatch.consumer set partitions = 2 where name = $1`, [
        consumer.id,
      ]);
      await change.query(
        `delete from pgwatch.consumer_cursor where consumer_id = ${idOf(consumer.id)} and partition > 1`,
      );
      await change.query('commit');
      expect(await replaying).toBe(20);
    } finally {
      await change.end();
    }
    const { rows } = await fixture.database.query<{ partition: number }>(
      `select distinct partition from pgwatch.redelivery
       where consumer_id = ${idOf(consumer.id)} order by 1`,
    );
    expect(rows.map(({ partition }) => partition)).toEqual([0, 1]);
  });

  it('of what is kept until the cursor has passed it is not swept away with that', async () => {
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()]);
    const id = await fixture.notify();
    const daemon = await fixture.startLive([consumer]);
    const { epoch } = await happened(daemon, 'claimed');
    const store = await storeOf(consumer.id, epoch);
    const isPassed = async () => {
      const { rows } = await fixture.database.query<{ passed: boolean }>(
        `select pg_visible_in_snapshot(log.xid, p.seen) as passed
         from pgwatch.notification_log log, pgwatch.consumer_cursor p
         where log.id = $1 and p.consumer_id = ${idOf(consumer.id)}`,
        [id],
      );
      return rows[0]?.passed;
    };
    await expect.poll(isPassed).toBe(true);
    await fixture.database.query(
      `insert into pgwatch.redelivery (consumer_id, notification_id, channel, reason, state)
       values (${idOf(consumer.id)}, $1, $2, 'failure', 'handled')`,
      [id, fixture.name()],
    );
    const replay = await fixture.database.connect();
    try {
      await replay.query('begin');
      await replay.query(
        `update pgwatch.redelivery set state = 'retry', reason = 'replay', due_at = 'infinity'
         where consumer_id = ${idOf(consumer.id)}`,
      );
      const forgetting = store.forgetPassed();
      await untilSomebodyWaits();
      await replay.query('commit');
      await forgetting;
    } finally {
      await replay.end();
    }
    expect(await fixture.redeliveries(consumer.id)).toMatchObject([
      { notification_id: id, state: 'retry', reason: 'replay' },
    ]);
  });
});

it('a consumer that is paused and then forgotten is no outage for a daemon that has it', async () => {
  const { consumer, ids } = recordingConsumer(fixture.name(), [fixture.name()]);
  const other = recordingConsumer(fixture.name('other'), [fixture.name()]);
  const daemon = await fixture.startLive([consumer, other.consumer]);
  const { db } = fixture.database;
  await pauseConsumer(db, consumer.id);
  await happened(daemon, 'released', consumer.id);
  await forgetConsumer(db, consumer.id);
  await happened(daemon, 'forgotten', consumer.id);
  const id = await fixture.notify();
  await expect.poll(other.ids).toEqual([id]);
  expect(daemon.events.all.map(({ type }) => type)).not.toContain('database-lost');
  await daemon.stop();
  expect(ids()).toEqual([]);
  // At the next start it is a new one.
  await happened(await fixture.startLive([consumer]), 'registered', consumer.id);
  await expect.poll(ids).toEqual([id]);
});
