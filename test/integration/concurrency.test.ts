import { describe, expect, it, onTestFinished } from 'vitest';
import { defineConsumer } from '../../src/consumer/define-consumer.ts';
import type { Notification } from '../../src/log/notification.ts';
import { DeliveryFixture, gate, happened } from '../support/delivery-fixture.ts';
import { EventLog } from '../support/event-log.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';

const fixture = new DeliveryFixture();
const NOT_SOON = { minDelaySeconds: 3600, maxDelaySeconds: 3600 };

describe('concurrency', () => {
  it('runs different keys side by side, and one key in order', async () => {
    const [a1, b1] = [gate(), gate()];
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()], {
      concurrency: 3,
      handle: ({ data }) => (data === 'a1' ? a1.opened : data === 'b1' ? b1.opened : undefined),
    });
    await fixture.startLive([consumer]);
    const names = () => received.all.map(({ data }) => data);
    await fixture.notify('a1', 'a');
    await fixture.notify('a2', 'a');
    await fixture.notify('b1', 'b');
    await fixture.notify('none');
    await received.count(3);
    expect(names()).toEqual(['a1', 'b1', 'none']);
    a1.open();
    await received.count(4);
    expect(names()).toEqual(['a1', 'b1', 'none', 'a2']);
    b1.open();
  });

  it('of more than ten at a time makes Node warn of no leak', async () => {
    const warnings: string[] = [];
    const note = ({ name }: Error) => void warnings.push(name);
    process.on('warning', note);
    onTestFinished(() => void process.off('warning', note));
    const { opened, open } = gate();
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()], {
      concurrency: 20,
      handle: () => opened,
    });
    await fixture.startLive([consumer]);
    for (let n = 0; n < 20; n += 1) await fixture.notify(n);
    await received.count(20);
    open();
    // Warnings come in a turn of their own, before a statement of ours is answered.
    await fixture.database.query('select');
    expect(warnings).toEqual([]);
  });

  it('lets one that hangs hold up its own key only, and its crash repeat little', async () => {
    const hang = gate();
    const handled: unknown[] = [];
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()], {
      concurrency: 2,
      handle: async ({ data }) => {
        if (data === 'hangs') await hang.opened;
        handled.push(data);
      },
    });
    const daemon = await fixture.startLive([consumer], { config: { maxBatchSize: 4 } });
    const hanging = await fixture.notify('hangs', 'stuck');
    const behind = await fixture.notify('behind', 'stuck');
    for (let n = 1; n <= 30; n += 1) await fixture.notify(n, `key ${n}`);
    await received.count(31);
    expect(handled).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
    // The cursor was let past it: were we to die now, it would come again from here.
    await expect
      .poll(async () => (await fixture.redeliveries(fixture.name())).map((r) => r.notification_id))
      .toEqual([hanging, behind]);
    hang.open();
    await received.count(32);
    await expect.poll(() => fixture.redeliveries(fixture.name())).toEqual([]);
    expect(handled.slice(30)).toEqual(['hangs', 'behind']);
    await daemon.stop();
    const again = recordingConsumer(fixture.name(), [fixture.name()]);
    await fixture.start([again.consumer], { once: true }).ended;
    expect(again.ids()).toEqual([]);
  });

  it('holds back only the key that failed, also what waits for a free lane', async () => {
    const { consumer, received } = recordingConsumer(fixture.name(), [fixture.name()], {
      concurrency: 4,
      retry: NOT_SOON,
      handle: ({ data }) => {
        if (data === 'fails') throw new Error('not now');
      },
    });
    await fixture.notify('fails', 'a');
    const follower = await fixture.notify('follower', 'a');
    await fixture.notify('other', 'b');
    await fixture.start([consumer], { once: true }).ended;
    expect(received.all.map(({ data }) => data).sort()).toEqual(['fails', 'other']);
    expect((await fixture.redeliveries(fixture.name())).at(1)).toMatchObject({
      notification_id: follower,
      attempt: 0,
    });
  });

  it('handles each of a backlog once, key by key in order', async () => {
    await fixture.database.query(
      `select count(smart_notify($1, to_jsonb(n), 'key ' || n % 7)) from generate_series(1, 3000) as n`,
      [fixture.name()],
    );
    const last = new Map<string, number>();
    let handled = 0;
    const consumer = defineConsumer({
      id: fixture.name(),
      channels: [fixture.name()],
      concurrency: 5,
      async handle({ key, notificationLogId }) {
        await new Promise(setImmediate);
        expect(notificationLogId).toBeGreaterThan(last.get(key ?? '') ?? 0);
        last.set(key ?? '', notificationLogId);
        handled += 1;
      },
    });
    await fixture.start([consumer], { once: true }).ended;
    expect(handled).toBe(3000);
    expect(await fixture.redeliveries(fixture.name())).toEqual([]);
  });
});

describe('handleBatch', () => {
  function batchConsumer(
    handle: (batch: readonly Notification[]) => unknown,
    options: { batchSize?: number; retry?: typeof NOT_SOON } = {},
  ) {
    const calls = new EventLog<readonly unknown[]>();
    const consumer = defineConsumer({
      id: fixture.name(),
      channels: [fixture.name()],
      ...options,
      handleBatch(batch) {
        calls.add(batch.map(({ data }) => data));
        return handle(batch);
      },
    });
    return { consumer, calls };
  }

  it('is given what is there, at most so many', async () => {
    for (const n of [1, 2, 3, 4, 5]) await fixture.notify(n);
    const { consumer, calls } = batchConsumer(() => undefined, { batchSize: 3 });
    await fixture.start([consumer], { once: true }).ended;
    expect(calls.all).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
  });

  it('says of each what came of it', async () => {
    const ids = [await fixture.notify(1), await fixture.notify(2), await fixture.notify(3)];
    const { consumer } = batchConsumer(
      (batch) =>
        Promise.allSettled(
          batch.map(async ({ data }) => {
            if (data === 2) throw new Error('not this one');
          }),
        ),
      { retry: NOT_SOON },
    );
    const daemon = fixture.start([consumer], { once: true });
    await daemon.ended;
    expect(await fixture.redeliveries(fixture.name())).toMatchObject([
      { notification_id: ids[1], attempt: 1, last_error: 'Error: not this one' },
    ]);
    expect(daemon.events.all.filter(({ type }) => type === 'handled')).toHaveLength(2);
  });

  it('that throws gets each again by itself', async () => {
    for (const n of [1, 2, 3]) await fixture.notify(n);
    const { consumer, calls } = batchConsumer((batch) => {
      if (batch.some(({ data }) => data === 2)) throw new Error('poison');
    });
    const daemon = await fixture.startLive([consumer]);
    await happened(daemon, 'dead-lettered');
    await expect
      .poll(() => fixture.redeliveries(fixture.name()))
      .toMatchObject([{ state: 'dead' }]);
    expect(calls.all[0]).toEqual([1, 2, 3]);
    expect(calls.all.slice(1).every((call) => call.length === 1)).toBe(true);
  });

  it('gets what was behind a failed one of the same key again, though it had handled it', async () => {
    for (const n of [1, 2]) await fixture.notify(n, 'k');
    const { consumer, calls } = batchConsumer((batch) =>
      Promise.allSettled(
        batch.map(async ({ data, attempt }) => {
          if (data === 1 && attempt === 1) throw new Error('first');
        }),
      ),
    );
    await fixture.startLive([consumer]);
    await calls.count(3);
    expect(calls.all).toEqual([[1, 2], [1], [2]]);
  });

  it('that answers something else has failed, and is told what was expected', async () => {
    await fixture.notify(1);
    const { consumer } = batchConsumer(() => [true], { retry: NOT_SOON });
    const daemon = fixture.start([consumer]);
    expect((await happened(daemon, 'retrying')).error).toContain('Promise.allSettled()');
  });
});
