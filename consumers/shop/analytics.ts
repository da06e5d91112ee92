import { BaseConsumer, type HandlerContext, type NotificationHandler } from 'pgwatch';

/** Changes per day, table and action, as `2030-01-31 orders INSERT`. */
export const tally = new Map<string, number>();

/**
 * Counts changes. It starts with what happens from its first run on, not with the history, and
 * leaves out what is handled a second time, so that nothing is counted twice.
 *
 * The tally is in memory and gone when the process ends. Sent to a store instead, let the store
 * drop what it has seen by `notificationLogId`: a crash repeats the last few notifications.
 */
export class Analytics extends BaseConsumer {
  static override consumerId = 'analytics';
  static override channels = ['data_change'];
  static override start = 'latest';

  handleNotification(handler: NotificationHandler, { logger }: HandlerContext) {
    if (!handler.isDatabaseChange() || handler.attempt > 1) return;
    const day = handler.timestamp.toISOString().slice(0, 10);
    const event = `${day} ${handler.getTable()} ${handler.getAction()}`;
    const count = (tally.get(event) ?? 0) + 1;
    tally.set(event, count);
    logger.debug({ event, count }, 'counted');
  }
}
