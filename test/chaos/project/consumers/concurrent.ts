import { setTimeout as delay } from 'node:timers/promises';
import { defineConsumer } from 'pgwatch';
import { sufferFate } from '../fate.ts';
import { Recording, SEED } from '../recording.ts';

const recording = new Recording('concurrent');

/** Several keys side by side, each as slow as a call over the network. */
export default defineConsumer({
  id: 'concurrent',
  channels: ['items', 'bulk', 'events'],
  concurrency: 32,
  async handle(notification) {
    await delay(notification.notificationLogId % 5);
    await sufferFate(SEED, notification);
    recording.add(notification);
  },
});
