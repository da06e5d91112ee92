import { defineConsumer } from 'pgwatch';
import { sufferFate } from '../fate.ts';
import { Recording, SEED } from '../recording.ts';

const recording = new Recording('partitioned');

/** Shared by all daemons that live: each death and each return moves parts of it. */
export default defineConsumer({
  id: 'partitioned',
  channels: ['items', 'bulk', 'events'],
  partitions: 6,
  async handle(notification) {
    await sufferFate(SEED, notification);
    recording.add(notification);
  },
});
