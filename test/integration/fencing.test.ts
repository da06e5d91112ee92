import { afterEach, describe, expect, it } from 'vitest';
import { PermanentError } from '../../src/consumer/errors.ts';
import { openDatabase } from '../../src/db/database.ts';
import { DeliveryFixture, gate, happened } from '../support/delivery-fixture.ts';
import { EventLog } from '../support/event-log.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';
import { startDaemon } from '../support/running-daemon.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

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
    const proxy = await startTcpProxy(fixture.database.url);
    const db = openDatabase({
      url: proxy.url,
      schema: 'pgwatch',
      functionsSchema: 'public',
      poolSize: 4,
      queryTimeoutSeconds: 3600,
      onIdleError: () => {},
    });
    cleanups.push(() => proxy.close());
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
    proxy.freeze();
    const two = recordingConsumer(fixture.name(), [fixture.name()]);
    fixture.start([two.consumer], { config });
    await two.received.count(2);
    expect(two.ids()).toEqual(rows.map(({ id }) => Number(id)));
    return { proxy, first, finish, signals, begun: one.ids };
  }

  it('begins nothing more, moves no cursor, says so once and queues again', async () => {
    const { proxy, first, finish, begun } = await cutOff();
    finish.open();
    await new Promise(setImmediate);
    proxy.thaw();
    await happened(first, 'fenced');
    await happened(first, 'waiting-for-lease');
    expect(begun()).toHaveLength(1);
    expect(first.events.all.filter(({ type }) => type === 'fenced')).toHaveLength(1);
  });

  it('aborts what still runs when it learns of it', async () => {
    const { proxy, first, signals } = await cutOff();
    const [signal] = signals.all;
    expect(signal?.aborted).toBe(false);
    proxy.thaw();
    await happened(first, 'fenced');
    expect(signal?.aborted).toBe(true);
  });
});
