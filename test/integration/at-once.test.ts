import { expect, it } from 'vitest';
import { defineConsumer } from '../../src/consumer/define-consumer.ts';
import type { Notification } from '../../src/log/notification.ts';
import { DeliveryFixture } from '../support/delivery-fixture.ts';
import { EventLog } from '../support/event-log.ts';
import { recordingConsumer } from '../support/recording-consumer.ts';

const fixture = new DeliveryFixture();
const AT_ONCE = { minDelaySeconds: 0, maxDelaySeconds: 0 };

const writeMany = (count: number, keys: number) =>
  fixture.database.query(
    `select smart_notify($1, to_jsonb(n), 'key ' || n % $3) from generate_series(1, $2) n`,
    [fixture.name(), count, keys],
  );

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/** A consumer whose handler is not async. */
function plainConsumer(
  handle: (notification: Notification<number>) => unknown,
  options: { concurrency?: number } = {},
) {
  return defineConsumer<number>({
    id: fixture.name(),
    channels: [fixture.name()],
    retry: AT_ONCE,
    ...options,
    handle,
  });
}

/** Nothing of it comes again. */
async function expectAllStored(): Promise<void> {
  const again = recordingConsumer(fixture.name(), [fixture.name()]);
  await fixture.start([again.consumer], { once: true }).ended;
  expect(again.ids()).toEqual([]);
  expect(await fixture.redeliveries(fixture.name())).toEqual([]);
}

it.each([1, 3])(
  'a handler that returns at once, waits, throws and rejects by turns handles each once, in the order of its key (concurrency %i)',
  async (concurrency) => {
    const COUNT = 1_000;
    const handled: number[] = [];
    const handle = ({ data, attempt }: Notification<number>) => {
      if (attempt === 1 && data % 97 === 0) throw new Error('not yet');
      if (attempt === 1 && data % 89 === 0) return Promise.reject(new Error('not yet'));
      if (data % 61 !== 0) return void handled.push(data);
      return new Promise<void>((resolve) =>
        setImmediate(() => {
          handled.push(data);
          resolve();
        }),
      );
    };
    await writeMany(COUNT, 10);
    await fixture.start([plainConsumer(handle, { concurrency })], { once: true }).ended;
    await expect.poll(() => handled.length).toBe(COUNT);
    expect(handled.toSorted((a, b) => a - b)).toEqual(upTo(COUNT));
    for (const key of upTo(10)) {
      const ofKey = handled.filter((n) => n % 10 === key % 10);
      expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b));
    }
    await expectAllStored();
  },
);

it('a handler that returns at once and is told to stop in the middle begins nothing more, and goes on there', async () => {
  const received = new EventLog<number>();
  let stopped: Promise<unknown> | undefined;
  const stopAt = 250;
  const consumer = plainConsumer(({ data }) => {
    received.add(data);
    if (data === stopAt) stopped = daemon.stop();
  });
  await writeMany(1_000, 10);
  const daemon = fixture.start([consumer]);
  await received.count(stopAt);
  await stopped;
  expect(received.all).toEqual(upTo(stopAt));
  await fixture.start([consumer], { once: true }).ended;
  expect(received.all).toEqual(upTo(1_000));
  await expectAllStored();
});
