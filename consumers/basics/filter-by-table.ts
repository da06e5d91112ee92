import { BaseConsumer, type HandlerContext, type NotificationHandler } from 'pgwatch';

interface User {
  readonly id: number;
  readonly email: string;
}

/**
 * Handles the changes of one table and passes over all others. Passing over costs next to nothing,
 * so a consumer per concern is cheap.
 */
export class UserChanges extends BaseConsumer {
  static override consumerId = 'user_changes';
  static override channels = ['data_change'];

  handleNotification(handler: NotificationHandler, { logger }: HandlerContext) {
    if (handler.getSchema() !== 'public' || handler.getTable() !== 'users') return;

    const before = handler.getOldData<User>();
    const after = handler.getNewData<User>();
    if (handler.isInsert()) {
      logger.debug({ user: after?.id }, 'send a welcome message');
    } else if (handler.isUpdate() && before?.email !== after?.email) {
      logger.debug({ user: after?.id }, 'ask to confirm the new address');
    } else if (handler.isDelete()) {
      logger.debug({ user: before?.id }, 'remove what belongs to the user');
    }
  }
}
