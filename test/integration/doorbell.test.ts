import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { DeliveryFixture, happened } from '../support/delivery-fixture.ts';
import { EventLog } from '../support/event-log.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';

// All daemons here run without a fallback fetch (see resolveForTest): what is handled was rung for.
const fixture = new DeliveryFixture();

/** What is rung on the doorbell, as another program would hear it. */
async function overhear() {
  const client = new pg.Client(fixture.database.url);
  await client.connect();
  await client.query('listen pgwatch');
  const rings = new EventLog<{ channel: string; pid: number }>();
  client.on('notification', ({ payload = '', processId: pid }) =>
    rings.add({ channel: payload, pid }),
  );
  return {
    rings,
    /** What writers rang; all that was sent before this call has been heard when it resolves. */
    async rungByWriters() {
      const mark = `mark ${rings.all.length}`;
      await fixture.database.query("select pg_notify('pgwatch', $1)", [mark]);
      await rings.first(({ channel }) => channel === mark);
      const doorkeeper = await holderOf(fixture.database.db.names.doorkeeperLock);
      return rings.all
        .filter(({ channel, pid }) => !channel.startsWith('mark') && pid !== doorkeeper)
        .map(({ channel }) => channel);
    },
    end: () => client.end(),
  };
}

/** The backend that holds an advisory lock exclusively. */
async function holderOf(lock: number): Promise<number | undefined> {
  const { rows } = await fixture.database.query<{ pid: number }>(
    `select pid from pg_locks
     where locktype = 'advisory' and granted and mode = 'ExclusiveLock'
       and database = (select oid from pg_database where datname = current_database())
       and objid = ($1::bigint & 4294967295)::oid`,
    [lock],
  );
  return rows[0]?.pid;
}

/** Resolves when the doorkeeper sleeps. */
async function asleep() {
  await expect
    .poll(() => holderOf(fixture.database.db.names.doorbellLock))
    .toEqual(expect.any(Number));
}

describe('the doorbell', () => {
  it('is rung by nobody while no daemon runs', async () => {
    const outside = await overhear();
    await fixture.notify();
    expect(await outside.rungByWriters()).toEqual([]);
    await outside.end();
  });

  it('is rung by the writer while the doorkeeper sleeps', async () => {
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.startLive([consumer]);
    await asleep();
    const outside = await overhear();
    await fixture.notify();
    await received.count(1);
    expect(await outside.rungByWriters()).toEqual([fixture.name()]);
    await outside.end();
  });

  it('is rung by no writer while the doorkeeper is awake', async () => {
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()]);
    const daemon = await fixture.startLive([consumer]);
    await happened(daemon, 'elected');
    await asleep();
    // A writer in flight wakes the doorkeeper and, by its shared lock, keeps it awake.
    const writer = await fixture.database.pool.connect();
    for (let shared = false; !shared; ) {
      await fixture.notify('wakes');
      await writer.query('begin');
      const { rows } = await writer.query<{ shared: boolean }>(
        'select pg_try_advisory_xact_lock_shared($1, $2) as shared',
        [fixture.database.db.names.lockClass, fixture.database.db.names.doorbellLock],
      );
      shared = rows[0]?.shared === true;
      if (!shared) await writer.query('rollback');
    }
    const outside = await overhear();
    const ids = [];
    for (let n = 0; n < 20; n += 1) ids.push(await fixture.notify(n));
    const last = ids.at(-1);
    await received.until((all) => all.some(({ notificationLogId }) => notificationLogId === last));
    expect(await outside.rungByWriters()).toEqual([]);
    await writer.query('rollback');
    writer.release();
    await outside.end();
  });

  it('loses nobody, whatever the pauses between writes', async () => {
    const { consumer, received, ids } = recordingConsumer(fixture.name(), [fixture.name()]);
    const daemon = await fixture.startLive([consumer]);
    // Pauses around the 10 ms after which the doorkeeper tries to sleep.
    const written = await Promise.all(
      Array.from({ length: 4 }, async (_, writer) => {
        const client = await fixture.database.pool.connect();
        const ids: number[] = [];
        for (let n = 0; n < 150; n += 1) {
          await client.query('select pg_sleep($1)', [((n * 7 + writer * 3) % 23) / 1000]);
          const { rows } = await client.query<{ id: string }>('select smart_notify($1) as id', [
            fixture.name(),
          ]);
          ids.push(Number(rows[0]?.id));
        }
        client.release();
        return ids;
      }),
    );
    await received.count(600);
    expect(ids().toSorted((a, b) => a - b)).toEqual(written.flat().toSorted((a, b) => a - b));
    // None of them by the look that a sleeping doorkeeper takes once a second.
    expect(daemon.events.all.map(({ type }) => type)).not.toContain('found-unrung');
  });

  it('is answered by another process when the doorkeeper dies', async () => {
    const one = recordingConsumer(fixture.name('one'), [fixture.name()]);
    const two = recordingConsumer(fixture.name('two'), [fixture.name()]);
    const first = await fixture.startLive([one.consumer]);
    await happened(first, 'elected');
    const second = await fixture.startLive([two.consumer]);
    await first.stop();
    await happened(second, 'elected');
    const id = await fixture.notify();
    await two.received.count(1);
    expect(two.ids()).toEqual([id]);
  });

  it('is taken from a doorkeeper that is frozen while awake', async () => {
    const { lockClass, doorkeeperLock } = fixture.database.db.names;
    const frozen = new pg.Client(fixture.database.url);
    const ended = new Promise<true>((resolve) => frozen.on('error', () => resolve(true)));
    await frozen.connect();
    // Holds the office, never sleeps, never rings.
    await frozen.query('select pg_advisory_lock($1, $2)', [lockClass, doorkeeperLock]);
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()]);
    const daemon = await fixture.startLive([consumer]);
    // What is written before the daemon looks for the first time gives the office no bad name.
    for (let count = 1, over = false; !over; count += 1) {
      await fixture.notify();
      over = await Promise.race([ended, received.count(count).then(() => false)]);
    }
    await happened(daemon, 'elected');
    const id = await fixture.notify();
    await received.first(({ notificationLogId }) => notificationLogId === id);
  });
});

describe('a consumer that has nothing to do', () => {
  it('asks the database nothing: it only renews its lease', async () => {
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.startLive([consumer], { config: { leaseSeconds: 3 } });
    await fixture.notify();
    await received.count(1);
    await asleep();
    const storedAt = async () => {
      const { rows } = await fixture.database.query<{ at: string }>(
        `select updated_at::text as at from pgwatch.consumer_cursor k
         join pgwatch.consumer c on c.id = k.consumer_id where c.name = $1`,
        [fixture.name()],
      );
      return rows[0]?.at;
    };
    const renewed = async () => {
      const before = await storedAt();
      await expect.poll(storedAt, { timeout: 20_000 }).not.toBe(before);
    };
    await renewed();
    let statements = 0;
    const count = () => {
      statements += 1;
    };
    fixture.database.db.pool.on('acquire', count);
    await renewed();
    fixture.database.db.pool.off('acquire', count);
    expect(statements).toBeLessThanOrEqual(2);
  });
});
