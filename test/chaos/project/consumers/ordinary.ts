import { defineConsumer } from 'pgwatch';
import { sufferFate } from '../fate.ts';
import { Recording, SEED } from '../recording.ts';

const recording = new Recording('ordinary');

/** What most consumers are like: now and then slow, now and then failing. */
export default defineConsumer({
  id: 'ordinary',
  channels: ['items', 'bulk', 'events'],
  async handle(notification) {
    await sufferFate(SEED, notification);
    recording.add(notification);
  },
});
