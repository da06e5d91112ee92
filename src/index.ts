/** The public API: what a project's configuration, consumers and migrations import. */
export {
  type CaptureOptions,
  createTriggerForTable,
  dropTriggerForTable,
} from './capture/triggers.ts';
export {
  type CleanupConfig,
  type ConsumersByApp,
  defineConfig,
  type PgwatchConfig,
  type RetryConfig,
} from './config/pgwatch-config.ts';
export {
  BaseConsumer,
  type BaseConsumerOptions,
  BatchConsumer,
} from './consumer/base-consumer.ts';
export type {
  AnyTables,
  Consumer,
  HandlerContext,
  TransactionalContext,
} from './consumer/consumer.ts';
export type { ConsumerOptions, ConsumerStart } from './consumer/consumer-settings.ts';
export {
  type BatchConsumerDefinition,
  type ConsumerDefinition,
  defineConsumer,
  type TransactionalConsumerDefinition,
} from './consumer/define-consumer.ts';
export {
  isPermanentError,
  isRetryableError,
  PermanentError,
  RetryableError,
  type RetryableErrorOptions,
} from './consumer/errors.ts';
export type { RetryPolicy } from './consumer/retry-policy.ts';
export type { Queryable } from './db/queryable.ts';
export { type ErrorCode, type ErrorKind, PgwatchError } from './errors.ts';
export { type SmartNotifyOptions, sendCustomNotification, smartNotify } from './log/append.ts';
export {
  type ChangeAction,
  Notification,
  Notification as NotificationHandler,
  type NotificationParts,
} from './log/notification.ts';
export { type CleanupOptions, type CleanupResult, cleanupOldNotifications } from './log/prune.ts';
export type { Logger } from './logger.ts';
export type { JsonObject, JsonValue } from './parse-json.ts';
export { stringifyJson } from './stringify-json.ts';
