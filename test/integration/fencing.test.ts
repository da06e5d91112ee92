import { afterEach, describe, expect, it } from 'vitest';
import { PermanentError } from '../../src/consumer/errors.ts';
import { claimCursor, writeCursor } from '../../src/cursor/cursor-store.ts';
import { newLeaseOwner } from '../../src/cursor/lease-owner.ts';
import { registerConsumer } from '../../src/cursor/registration.ts';
import { startBlackHole } from '../chaos/black-hole.ts';
import { DeliveryFixture, gate, happened } from '../support/delivery-fixture.ts';
import { EventLog } from '../support/event-log.ts';
import { openAt } from '../support/open-database.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';
import { startDaemon } from '../support/running-daemon.ts';

const fixture = new DeliveryFixture();
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe('a process that was replaced while a handler ran', () => {
  it.each([
    ['no retry', () => new Error('not yet')],
    ['no dead letter', () => new PermanentError('never')],
  ])('writes %s any more', async (_, error) => {
    const [begun, finish] = [gate(), gate()];
    cleanups.push(finish.open);
    const { consumer } = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: async () => {
        begun.open();
        await finish.opened;
        throw error();
      },
    });
    const daemon = await fixture.startLive([consumer]);
    await fixture.notify();
    await begun.opened;
    await fixture.database.query(
      `update pgwatch.consumer_cursor
       set epoch = epoch + 1, lease_owner = 'another', lease_until = now() + interval '1 h'
       where consumer_id = (select id from pgwatch.consumer where name = $1)`,
      [fixture.name()],
    );
    finish.open();
    await happened(daemon, 'fenced');
    await happened(daemon, 'waiting-for-lease');
    expect(await fixture.redeliveries(fixture.name())).toEqual([]);
  });
});

describe('a process that is cut off beyond its lease', () => {
  /** It has begun the first of two notifications, and another process has taken over. */
  async function cutOff() {
    const way = await startBlackHole(fixture.database.url);
    const db = openAt(way.url, { poolSize: 4, queryTimeoutSeconds: 3600 });
    cleanups.push(() => way.close());
    const finish = gate();
    const signals = new EventLog<AbortSignal>();
    const one = recordingConsumer(fixture.name(), [fixture.name()], {
      handle: async (__, { signal }) => {
        signals.add(signal);
        await finish.opened;
      },
    });
    const config = { leaseSeconds: 1 };
    const first = startDaemon(db, [one.consumer], { config });
    cleanups.push(async () => {
      finish.open();
      await first.stop();
      await db.close();
    });
    await happened(first, 'live', fixture.name());
    const { rows } = await fixture.database.query<{ id: string }>(
      'select smart_notify($1, to_jsonb(n)) as id from generate_series(1, 2) n',
      [fixture.name()],
    );
    await signals.count(1);
    way.swallow();
    const two = recordingConsumer(fixture.name(), [fixture.name()]);
    fixture.start([two.consumer], { config });
    await two.received.count(2);
    expect(two.ids()).toEqual(rows.map(({ id }) => Number(id)));
    return { way, first, finish, signals, begun: one.ids };
  }

  it('begins nothing more, moves no cursor, says so once and queues again', async () => {
    const { way, first, finish, begun } = await cutOff();
    finish.open();
    await new Promise(setImmediate);
    way.heal('late');
    await happened(first, 'fenced');
    await happened(first, 'waiting-for-lease');
    expect(begun()).toHaveLength(1);
    expect(first.events.all.filter(({ type }) => type === 'fenced')).toHaveLength(1);
  });

  it('aborts what still runs when it learns of it', async () => {
    const { way, first, signals } = await cutOff();
    const [signal] = signals.all;
    expect(signal?.aborted).toBe(false);
    way.heal('late');
    await happened(first, 'fenced');
    expect(signal?.aborted).toBe(true);
  });
});

it('a transaction that stands still with the cursor in it is ended by the server', async () => {
  const { db } = fixture.database;
  const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()]);
  const { consumerId } = await registerConsumer(db, consumer);
  const leaseSeconds = 1;
  const claim = await claimCursor(db, consumerId, { partitions: 1, closingAt: undefined }, 0, {
    owner: newLeaseOwner(),
    channels: consumer.channels,
    leaseSeconds,
  });
  if (claim.kind !== 'held') throw new Error('not held');
  const frozen = await fixture.database.pool.connect();
  cleanups.push(() => frozen.release(true));
  const ended = new Promise((resolve) => frozen.on('error', resolve));
  await frozen.query('begin');
  await writeCursor(frozen, db.names, claim.hold, claim.cursor);
  fixture.start([consumer]);
  const id = await fixture.notify();
  expect(await ended).toMatchObject({ code: '25P03' });
  await received.count(1);
  expect(received.all[0]?.notificationLogId).toBe(id);
});
