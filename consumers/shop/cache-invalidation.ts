import {
  BaseConsumer,
  type HandlerContext,
  type NotificationHandler,
  stringifyJson,
} from 'pgwatch';

/** What an application caches; put a client of your cache in its place. */
export const cache = new Map<string, unknown>();

/** The cached entries that a changed row makes stale; `*` stands for the row's primary key. */
const CACHE_INVALIDATION_TABLES = new Map([
  ['users', ['user_profile:*', 'user_permissions:*']],
  ['products', ['product:*', 'product_catalogue']],
  ['categories', ['category_tree', 'navigation_menu']],
  ['settings', ['site_config']],
]);

/**
 * Removes cached entries when their rows change, whoever changed them. What is missed while this
 * is stopped is removed at the next start; removing twice does no harm.
 */
export class CacheInvalidation extends BaseConsumer {
  static override consumerId = 'cache_invalidation';
  static override channels = ['data_change'];

  handleNotification(handler: NotificationHandler, { logger }: HandlerContext) {
    const patterns = CACHE_INVALIDATION_TABLES.get(handler.getTable() ?? '') ?? [];
    // A primary key of several columns is an object.
    const id = handler.getRecordId();
    const row = typeof id === 'string' ? id : stringifyJson(id);
    for (const pattern of patterns) {
      const entry = pattern.replace('*', () => row);
      if (cache.delete(entry)) logger.debug({ entry }, 'cached entry removed');
    }
  }
}
