import { PgwatchError } from '../errors.ts';
import type { Notification } from '../log/notification.ts';
import type { JsonValue } from '../parse-json.ts';
import { CONSUMER_BRAND } from './brand.ts';
import type { Consumer, HandlerContext } from './consumer.ts';
import { type ConsumerStart, checkSettings, DEFAULT_CHANNELS } from './consumer-settings.ts';
import type { RetryPolicy } from './retry-policy.ts';

/** Each overrides the class attribute of the same name. */
export interface BaseConsumerOptions {
  readonly consumerId?: string;
  readonly channels?: readonly string[];
  readonly start?: ConsumerStart;
  readonly retry?: Partial<RetryPolicy>;
  readonly handlerTimeoutSeconds?: number;
}

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

  readonly consumerId: string;
  readonly channels: readonly string[];
  readonly start: ConsumerStart;
  readonly retry: Partial<RetryPolicy> | undefined;
  readonly handlerTimeoutSeconds: number | undefined;

  /** @throws {PgwatchError} CONSUMER_ID_MISSING, CONSUMER_INVALID, CHANNEL_INVALID */
  constructor(options: BaseConsumerOptions = {}) {
    const attributes = new.target;
    const settings = checkSettings(
      {
        id: options.consumerId ?? attributes.consumerId,
        channels: options.channels ?? attributes.channels,
        start: options.start ?? attributes.start,
        retry: options.retry ?? attributes.retry,
        handlerTimeoutSeconds: options.handlerTimeoutSeconds ?? attributes.handlerTimeoutSeconds,
      },
      subjectOf(attributes),
      ID_HINT,
    );
    this.consumerId = settings.id;
    this.channels = settings.channels;
    this.start = settings.start;
    this.retry = settings.retry;
    this.handlerTimeoutSeconds = settings.handlerTimeoutSeconds;
  }

  get [CONSUMER_BRAND](): 'instance' {
    return 'instance';
  }

  /** May be async. Returning means done, throwing means failed. */
  abstract handleNotification(handler: Notification<Data>, context: HandlerContext): unknown;
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
  const settings = checkSettings(
    {
      id: Reflect.get(instance, 'consumerId'),
      channels: Reflect.get(instance, 'channels'),
      start: Reflect.get(instance, 'start'),
      retry: Reflect.get(instance, 'retry'),
      handlerTimeoutSeconds: Reflect.get(instance, 'handlerTimeoutSeconds'),
    },
    subject,
    ID_HINT,
  );
  return {
    ...settings,
    handle: (notification, context) => instance.handleNotification(notification, context),
  };
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
