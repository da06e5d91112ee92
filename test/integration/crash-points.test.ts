import { describe, expect, it } from 'vitest';
import type { Consumer } from '../../src/consumer/consumer.ts';
import { defineConsumer } from '../../src/consumer/define-consumer.ts';
import {
  CrashScenario,
  type CrashScenarioOptions,
  type Effects,
  type Fate,
} from '../support/crash-scenario.ts';
import { DeliveryFixture } from '../support/delivery-fixture.ts';

const fixture = new DeliveryFixture();

const AT_ONCE = { maxAttempts: 3, minDelaySeconds: 0, maxDelaySeconds: 0, jitter: 0 };
const BATCH = 3;

/** Two keys; one notification fails at first and one for good, in front of others of their key. */
const FATES: readonly Fate[] = [
  { key: 'a' },
  { key: 'b', failsOnce: true },
  { key: 'a' },
  { key: 'b' },
  { key: null, awaitsStored: true },
  { key: 'a', isCondemned: true },
  { key: 'b' },
  { key: 'a' },
];

type ConsumerOf = (id: string, effects: Effects) => Consumer;

const plain =
  (settings: { concurrency?: number; partitions?: number }): ConsumerOf =>
  (id, effects) =>
    defineConsumer({
      id,
      channels: [id],
      retry: AT_ONCE,
      ...settings,
      handle: (notification) => effects.of(notification),
    });

/**
 * Leaves alone what stands behind one that failed in the same call, with its key. It would come again
 * in any case; to have handled it once before is allowed, and is no order to be tested.
 */
const inCallsOfThree: ConsumerOf = (id, effects) =>
  defineConsumer({
    id,
    channels: [id],
    retry: AT_ONCE,
    batchSize: 3,
    async handleBatch(batch) {
      const failedKeys = new Set<string | null>();
      const outcomes: PromiseSettledResult<void>[] = [];
      for (const notification of batch) {
        const { key } = notification;
        const handling = failedKeys.has(key)
          ? Promise.reject(new Error('behind one that failed'))
          : effects.of(notification);
        const [outcome] = await Promise.allSettled([handling]);
        if (outcome.status === 'rejected' && key !== null) failedKeys.add(key);
        outcomes.push(outcome);
      }
      return outcomes;
    },
  });

const transactional: ConsumerOf = (id, effects) =>
  defineConsumer({
    id,
    channels: [id],
    retry: AT_ONCE,
    transactional: true,
    handle: (notification, { transaction }) =>
      effects.of(notification, () =>
        transaction
          .insertInto('done')
          .values({ consumer: id, id: notification.notificationLogId })
          .execute(),
      ),
  });

/** In a call of several, one cannot wait for what the others of the call have stored. */
const withoutWaiting = FATES.map(({ awaitsStored: _, ...fate }) => fate);

describe('a process that dies, wherever it is,', () => {
  it.each<[string, ConsumerOf, Partial<CrashScenarioOptions>]>([
    ['handling one after the other', plain({}), {}],
    ['handling side by side', plain({ concurrency: 3 }), {}],
    ['handling partitions', plain({ partitions: 2 }), {}],
    ['changing their number', plain({ partitions: 3 }), { predecessor: plain({ partitions: 2 }) }],
    ['handling several in one call', inCallsOfThree, { fates: withoutWaiting }],
  ])(
    '%s, leaves all that is not stored to the next one, in order',
    async (_, consumer, options) => {
      const scenario = new CrashScenario(fixture, {
        fates: FATES,
        consumer,
        batch: BATCH,
        ...options,
      });
      const points = await scenario.dieEverywhere((run) => {
        expect(run).toMatchObject({
          missing: [],
          dead: run.condemned,
          outOfOrder: [],
          repeatedThoughStored: [],
        });
      });
      expect(points).toBeGreaterThan(4 * FATES.length);
    },
  );

  it('in a transaction, has everything handled exactly once, in order', async () => {
    await fixture.database.query(
      'create table done (n bigint generated always as identity, consumer text, id bigint)',
    );
    const scenario = new CrashScenario(fixture, {
      fates: FATES,
      consumer: transactional,
      batch: BATCH,
      handled: async (id) => {
        const { rows } = await fixture.database.query<{ id: string }>(
          'select id from done where consumer = $1 order by n',
          [id],
        );
        return rows.map((row) => Number(row.id));
      },
    });
    const points = await scenario.dieEverywhere((run) => {
      expect(run).toMatchObject({
        missing: [],
        dead: run.condemned,
        outOfOrder: [],
        repeated: [],
      });
    });
    expect(points).toBeGreaterThan(8 * FATES.length);
  });
});
