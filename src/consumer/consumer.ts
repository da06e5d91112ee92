import type { Transaction } from 'kysely';
import type { Logger } from 'pino';
import type { Notification } from '../log/notification.ts';
import type { ConsumerSettings } from './consumer-settings.ts';

/**
 * What the engine runs. It is made from a definition or from a class; nothing behind this
 * interface knows which.
 */
export interface Consumer extends ConsumerSettings {
  /** May return a promise. Returning means done, throwing means failed. */
  handle(notification: Notification, context: HandlerContext): unknown;
  /** Instead of `handle`, for several at a time. May return what `Promise.allSettled` gives for them. */
  readonly handleBatch:
    | ((notifications: readonly Notification[], context: HandlerContext) => unknown)
    | undefined;
}

/** What a handler is given beside its notification. */
export interface HandlerContext {
  /** Aborted when the process is to stop, and at the handler's time limit. Pass it to `fetch`. */
  readonly signal: AbortSignal;
  /** A pino logger which names the consumer in every line. */
  readonly logger: Logger;
  readonly consumer: { readonly id: string; readonly channels: readonly string[] };
}

/** What the handler of a transactional consumer is given beside its notification. */
export interface TransactionalContext<DB = AnyTables> extends HandlerContext {
  /**
   * A transaction in pgwatch's database. What is written with it commits together with the cursor,
   * so exactly once; when the handler throws, it is rolled back. `smartNotify()` takes it, too.
   */
  readonly transaction: Transaction<DB>;
}

/** Tables of which nothing is known. */
export type AnyTables = Record<string, Record<string, unknown>>;
