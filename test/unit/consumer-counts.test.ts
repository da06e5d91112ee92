import { expect, test } from 'vitest';
import type { DeliveryEvent } from '../../src/delivery/events.ts';
import { ConsumerCounts } from '../../src/metrics/consumer-counts.ts';

const consumer = 'a';
const error = new Error('the server is away');
const PARTITIONS = [0, 1, 2, 3];

/** All that loses the database when it goes: the consumer's own look, and two for each partition. */
const PARTS = [
  { consumer },
  ...PARTITIONS.flatMap((partition) => [
    { consumer, partition },
    { consumer, partition, operation: 'store-cursor' as const },
  ]),
];
const LOST = PARTS.map((part): DeliveryEvent => ({ type: 'database-lost', ...part, error }));
const BACK = PARTS.map((part): DeliveryEvent => ({ type: 'database-back', ...part }));

function counting() {
  const counts = new ConsumerCounts();
  const note = (...events: readonly DeliveryEvent[]) => {
    for (const event of events) counts.note(event);
    return counts.databaseOutages;
  };
  return { note };
}

test('an outage that every partition notices is one, and the next another', () => {
  const { note } = counting();
  expect(note(...LOST)).toBe(1);
  // Some are back before the others.
  expect(note(...BACK.slice(1), ...LOST.slice(1))).toBe(1);
  expect(note(...BACK)).toBe(1);
  expect(note(...LOST, ...BACK)).toBe(2);
});

test.each([
  ['handed over', { type: 'released', consumer, partition: 1 }],
  ['lost to another process', { type: 'fenced', consumer, partition: 1 }],
  [
    'taken anew',
    {
      type: 'claimed',
      consumer,
      partition: 1,
      epoch: 2,
      gainedChannels: [],
      scheduled: 0,
      lostChannels: [],
      dropped: 0,
    },
  ],
] as const)('a partition that is %s in an outage does not keep it from ending', (_, event) => {
  const { note } = counting();
  expect(note({ type: 'database-lost', consumer, partition: 1, error })).toBe(1);
  expect(note(event)).toBe(1);
  expect(note({ type: 'database-lost', consumer, partition: 2, error })).toBe(2);
});
