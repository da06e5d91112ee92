import { defineConsumer } from 'pgwatch';
import { sufferFate } from '../fate.ts';
import { SEED, sequenceOf } from '../recording.ts';

/** Its record is its effect: a row of chaos_effects, rolled back with an attempt that fails. */
export default defineConsumer({
  id: 'transactional',
  channels: ['accounts'],
  transactional: true,
  async handle(notification, { transaction, consumer }) {
    await transaction
      .insertInto('chaos_effects')
      .values({
        consumer: consumer.id,
        notification_id: notification.notificationLogId,
        key: notification.key,
        seq: sequenceOf(notification),
        pid: process.pid,
        handled_at: Date.now(),
      })
      .execute();
    await sufferFate(SEED, notification);
  },
});
