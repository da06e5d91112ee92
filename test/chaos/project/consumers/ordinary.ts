import { setTimeout as delay } from 'node:timers/promises';
import { defineConsumer, PermanentError } from 'pgwatch';
import { fateOf } from '../fate.ts';
import { Recording, SEED } from '../recording.ts';

const recording = new Recording('ordinary');

/** What most consumers are like: now and then slow, now and then failing. */
export default defineConsumer({
  id: 'ordinary',
  channels: ['items', 'bulk', 'events'],
  async handle(notification) {
    const fate = fateOf(SEED, notification.notificationLogId);
    if (fate.slowMs > 0) await delay(fate.slowMs);
    if (fate.condemned) throw new PermanentError('condemned by the seed');
    if (notification.attempt <= fate.failures) throw new Error('to fail by the seed');
    recording.add(notification);
  },
});
