import type { HandlerContext } from '../../src/consumer/consumer.ts';
import { defineConsumer } from '../../src/consumer/define-consumer.ts';
import type { RetryPolicy } from '../../src/consumer/retry-policy.ts';
import type { Notification } from '../../src/log/notification.ts';
import { EventLog } from './event-log.ts';

/** A consumer that notes what it is given, and what its handler then does. */
export function recordingConsumer(
  id: string,
  channels: string[],
  options: {
    handle?: (notification: Notification, context: HandlerContext) => unknown;
    start?: 'beginning' | 'latest';
    retry?: Partial<RetryPolicy>;
    handlerTimeoutSeconds?: number;
    concurrency?: number;
    partitions?: number;
  } = {},
) {
  const { handle, ...settings } = options;
  const received = new EventLog<Notification>();
  const consumer = defineConsumer({
    id,
    channels,
    ...settings,
    async handle(notification, context) {
      received.add(notification);
      await handle?.(notification, context);
    },
  });
  const ids = () => received.all.map(({ notificationLogId }) => notificationLogId);
  return { consumer, received, ids };
}
