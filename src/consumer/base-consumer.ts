import { PgwatchError } from '../errors.ts';
import { assertKnownOptions } from '../known-options.ts';
import type { Notification } from '../log/notification.ts';
import type { JsonValue } from '../parse-json.ts';
import { CONSUMER_BRAND } from './brand.ts';
import type { Consumer, HandlerContext } from './consumer.ts';
import {
  ATTRIBUTES,
  assertTogether,
  type ConsumerOptions,
  type ConsumerStart,
  checkSettings,
  DEFAULT_CHANNELS,
} from './consumer-settings.ts';
import type { RetryPolicy } from './retry-policy.ts';

/** Each overrides the class attribute of the same name. */
export interface BaseConsumerOptions extends ConsumerOptions {
  readonly consumerId?: string;
  readonly channels?: readonly string[];
  readonly retry?: Partial<RetryPolicy>;
}

const OPTIONS = [
  'consumerId',
  ...ATTRIBUTES,
] as const satisfies readonly (keyof BaseConsumerOptions)[];

/**
 * A consumer as a class:
 *
 *     export class WelcomeEmail extends BaseConsumer {
 *       static override consumerId = 'welcome_email';
 *       async handleNotification(handler: NotificationHandler) { … }
 *     }
 *
 * pgwatch makes one instance of each class it finds, without arguments. What a class says about
 * itself is inherited by those that extend it, and overridden by the options of the constructor.
 * `Data` is the type of the payload that you expect.
 */
export abstract class BaseConsumer<Data = JsonValue> {
  static readonly [CONSUMER_BRAND] = 'class';

  /** Its progress is stored under this name: 1 to 200 bytes, no control characters. Needed. */
  static readonly consumerId: string | undefined = undefined;
  static readonly channels: readonly string[] = DEFAULT_CHANNELS;
  /** Where in the log to start the first time: `'beginning'` (default) or `'latest'`. */
  // A plain string, so that `static start = 'latest'` compiles; checked when an instance is made.
  static readonly start: string = 'beginning';
  /** What differs from the retry policy of the configuration. */
  static readonly retry: Partial<RetryPolicy> | undefined = undefined;
  /** How long one call may take, in seconds. Default: as the configuration says. */
  static readonly handlerTimeoutSeconds: number | undefined = undefined;
  /** Calls that one process makes side by side; one key stays in order. Default 1: all in order. */
  static readonly concurrency: number = 1;
  /** Notifications that `handleBatch` of a BatchConsumer is given at most. Default 100. */
  static readonly batchSize: number = 100;
  /** Whether the context has a transaction in which the cursor moves, too. Default false. */
  static readonly transactional: boolean = false;
  /** Parts, by hash of the key, that the running processes share. Default 1: one runs it all. */
  static readonly partitions: number = 1;

  readonly consumerId: string;
  readonly channels: readonly string[];
  readonly start: ConsumerStart;
  readonly retry: Partial<RetryPolicy> | undefined;
  readonly handlerTimeoutSeconds: number | undefined;
  readonly concurrency: number;
  readonly batchSize: number;
  readonly transactional: boolean;
  readonly partitions: number;

  /** @throws {PgwatchError} CONSUMER_ID_MISSING, CONSUMER_INVALID, CHANNEL_INVALID */
  constructor(options: BaseConsumerOptions = {}) {
    const attributes = new.target;
    const subject = subjectOf(attributes);
    assertKnownOptions({ subject, given: options, known: OPTIONS, code: 'CONSUMER_INVALID' });
    const given = ATTRIBUTES.map((name) => [name, options[name] ?? attributes[name]] as const);
    const settings = checkSettings(
      { id: options.consumerId ?? attributes.consumerId, ...Object.fromEntries(given) },
      subject,
      ID_HINT,
    );
    this.consumerId = settings.id;
    this.channels = settings.channels;
    this.start = settings.start;
    this.retry = settings.retry;
    this.handlerTimeoutSeconds = settings.handlerTimeoutSeconds;
    this.concurrency = settings.concurrency;
    this.batchSize = settings.batchSize;
    this.transactional = settings.transactional;
    this.partitions = settings.partitions;
  }

  get [CONSUMER_BRAND](): 'instance' {
    return 'instance';
  }

  /** May be async. Returning means done, throwing means failed. */
  abstract handleNotification(handler: Notification<Data>, context: HandlerContext): unknown;
}

/**
 * A consumer as a class that is given several notifications at a time: `batchSize` at most, in their
 * order. To return nothing is to have handled them all; to return what `Promise.allSettled` gives
 * for them says it of each. When it throws, all have failed, and each comes again by itself.
 */
export abstract class BatchConsumer<Data = JsonValue> extends BaseConsumer<Data> {
  abstract handleBatch(handlers: readonly Notification<Data>[], context: HandlerContext): unknown;

  override handleNotification(handler: Notification<Data>, context: HandlerContext): unknown {
    return this.handleBatch([handler], context);
  }
}

const ID_HINT =
  "Give the class one: static consumerId = 'my_consumer'; or pass { consumerId } to its constructor.";

/**
 * What the engine runs for an instance of BaseConsumer, of whichever copy of this package. Read
 * from the instance, so that a subclass may also set its fields itself.
 *
 * @throws {PgwatchError} as the constructor of BaseConsumer
 */
export function consumerOf(instance: object): Consumer {
  const subject = subjectOf(instance.constructor);
  if (!hasHandler(instance)) {
    throw new PgwatchError('CONSUMER_INVALID', {
      what: `${subject} has no method handleNotification.`,
      why: 'It is called for every notification.',
      hint: 'Add: async handleNotification(handler, context) { … }',
    });
  }
  const given = ATTRIBUTES.map((name) => [name, Reflect.get(instance, name)] as const);
  const settings = checkSettings(
    { id: Reflect.get(instance, 'consumerId'), ...Object.fromEntries(given) },
    subject,
    ID_HINT,
  );
  const consumer: Consumer = {
    ...settings,
    handle: (notification, context) => instance.handleNotification(notification, context),
    handleBatch: hasBatchHandler(instance)
      ? (notifications, context) => instance.handleBatch(notifications, context)
      : undefined,
  };
  assertTogether(consumer, subject);
  return consumer;
}

interface WithBatchHandler {
  handleBatch(handlers: readonly Notification[], context: HandlerContext): unknown;
}

function hasBatchHandler(instance: object): instance is WithBatchHandler {
  return typeof Reflect.get(instance, 'handleBatch') === 'function';
}

interface WithHandler {
  handleNotification(handler: Notification, context: HandlerContext): unknown;
}

function hasHandler(instance: object): instance is WithHandler {
  return typeof Reflect.get(instance, 'handleNotification') === 'function';
}

function subjectOf({ name }: { readonly name: string }): string {
  return name === '' ? 'A consumer class' : `The class ${name}`;
}
