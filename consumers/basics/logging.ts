import { BaseConsumer, type HandlerContext, type NotificationHandler } from 'pgwatch';

/** Logs what arrives: the first consumer to write, and the one to watch the others by. */
export class LoggingConsumer extends BaseConsumer {
  static override consumerId = 'logging';
  static override channels = ['my_channel', 'data_change'];

  handleNotification(handler: NotificationHandler, { logger }: HandlerContext) {
    const origin = { id: handler.notificationLogId, ...(handler.isReplay && { replay: true }) };
    if (!handler.isDatabaseChange()) {
      logger.info({ ...origin, channel: handler.channel, data: handler.data }, 'notification');
      return;
    }
    const row = { table: handler.getTable(), row: handler.getRecordId() };
    switch (handler.getAction()) {
      case 'INSERT':
        logger.info({ ...origin, ...row, new: handler.getNewData() }, 'row inserted');
        break;
      case 'UPDATE':
        logger.info({ ...origin, ...row, changed: changedColumns(handler) }, 'row updated');
        break;
      case 'DELETE':
        logger.info({ ...origin, ...row, old: handler.getOldData() }, 'row deleted');
        break;
    }
  }
}

/** The new values of the columns that an update changed. */
function changedColumns(handler: NotificationHandler) {
  const before = handler.getOldData() ?? {};
  const after = handler.getNewData() ?? {};
  const differs = ([column, value]: [string, unknown]) => !isSame(before[column], value);
  return Object.fromEntries(Object.entries(after).filter(differs));
}

function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const columns = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...columns].every((column) => isSame(Reflect.get(a, column), Reflect.get(b, column)));
}
