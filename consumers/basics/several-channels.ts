import { defineConsumer } from 'pgwatch';

/**
 * Several channels in one consumer: it handles them in one order, with one cursor. Try
 *
 *     npx pgwatch notify user_events '{"event_type":"login","data":{"user_id":123}}'
 *     npx pgwatch notify system_alerts '{"text":"the disk is nearly full"}'
 */
export default defineConsumer({
  id: 'several_channels',
  channels: ['data_change', 'user_events', 'system_alerts'],
  handle(notification, { logger }) {
    switch (notification.channel) {
      case 'user_events':
        logger.info({ event: notification.data }, 'user event');
        break;
      case 'system_alerts':
        logger.warn({ alert: notification.data }, 'system alert');
        break;
      default:
        logger.debug(
          { table: notification.getTable(), action: notification.getAction() },
          'row changed',
        );
    }
  },
});
