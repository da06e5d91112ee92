import { assertKnownOptions } from '../known-options.ts';
import type { Notification } from '../log/notification.ts';
import type { JsonValue } from '../parse-json.ts';
import { CONSUMER_BRAND } from './brand.ts';
import type { AnyTables, Consumer, HandlerContext, TransactionalContext } from './consumer.ts';
import {
  ATTRIBUTES,
  assertTogether,
  type ConsumerOptions,
  checkSettings,
  invalidSetting,
} from './consumer-settings.ts';
import type { RetryPolicy } from './retry-policy.ts';

interface Described extends ConsumerOptions {
  /** Its progress is stored under this name: 1 to 200 bytes, no control characters. */
  readonly id: string;
  /** Default: `['data_change']`, the captured changes. */
  readonly channels?: readonly string[];
  /** What differs from the retry policy of the configuration. */
  readonly retry?: Partial<RetryPolicy>;
}

/** One notification at a time. */
export interface ConsumerDefinition<Data = JsonValue> extends Described {
  readonly transactional?: false;
  /** May be async. Returning means done, throwing means failed. */
  handle(notification: Notification<Data>, context: HandlerContext): unknown;
  readonly handleBatch?: undefined;
}

/** Several at a time. */
export interface BatchConsumerDefinition<Data = JsonValue> extends Described {
  readonly transactional?: false;
  /**
   * Is given at most `batchSize`, in their order. To return nothing is to have handled them all; to
   * return what `Promise.allSettled` gives for them says it of each. When it throws, all have failed,
   * and each comes again by itself.
   */
  handleBatch(notifications: readonly Notification<Data>[], context: HandlerContext): unknown;
  readonly handle?: undefined;
}

/** One at a time, exactly once for what it writes with `context.transaction`. */
export interface TransactionalConsumerDefinition<Data = JsonValue, DB = AnyTables>
  extends Described {
  readonly transactional: true;
  handle(notification: Notification<Data>, context: TransactionalContext<DB>): unknown;
  readonly handleBatch?: undefined;
}

const OPTIONS = ['id', ...ATTRIBUTES, 'handle', 'handleBatch'] as const satisfies readonly (
  | keyof ConsumerDefinition
  | keyof BatchConsumerDefinition
)[];

/**
 * A consumer as a value: `export default defineConsumer({ id, channels, handle(notification) {} })`.
 *
 * @throws {PgwatchError} CONSUMER_ID_MISSING, CONSUMER_INVALID, CHANNEL_INVALID: at once, where the
 *   mistake is
 */
export function defineConsumer<Data = JsonValue, DB = AnyTables>(
  definition:
    | ConsumerDefinition<Data>
    | BatchConsumerDefinition<Data>
    | TransactionalConsumerDefinition<Data, DB>,
): Consumer {
  const subject = subjectOf(definition);
  assertKnownOptions({ subject, given: definition, known: OPTIONS, code: 'CONSUMER_INVALID' });
  const settings = checkSettings(
    definition,
    subject,
    "Write defineConsumer({ id: 'my_consumer', …",
  );
  const consumer: Consumer & { readonly [CONSUMER_BRAND]: 'definition' } = {
    ...settings,
    [CONSUMER_BRAND]: 'definition',
    ...handlersOf(definition, subject),
  };
  assertTogether(consumer, subject);
  return consumer;
}

function handlersOf(definition: object, subject: string): Pick<Consumer, 'handle' | 'handleBatch'> {
  // What is expected on these channels is the author's word; nothing can check it.
  const handle: unknown = Reflect.get(definition, 'handle');
  const handleBatch: unknown = Reflect.get(definition, 'handleBatch');
  if (handleBatch === undefined) {
    if (!isHandler(handle)) throw invalidSetting(subject, 'handle', handle, 'a function');
    return { handle: handle.bind(definition), handleBatch: undefined };
  }
  if (!isHandler(handleBatch)) {
    throw invalidSetting(subject, 'handleBatch', handleBatch, 'a function');
  }
  if (handle !== undefined) {
    throw invalidSetting(subject, 'handle', handle, 'either handle or handleBatch');
  }
  const bound = handleBatch.bind(definition);
  return { handle: (notification, context) => bound([notification], context), handleBatch: bound };
}

function isHandler(value: unknown): value is (...given: readonly unknown[]) => unknown {
  return typeof value === 'function';
}

function subjectOf(definition: unknown): string {
  if (typeof definition !== 'object' || definition === null) {
    throw invalidSetting('defineConsumer()', 'its argument', definition, 'an object');
  }
  const id: unknown = Reflect.get(definition, 'id');
  return typeof id === 'string' && id !== '' ? `The consumer "${id}"` : 'A consumer definition';
}
