import { PgwatchError } from '../errors.ts';
import type { Notification } from '../log/notification.ts';
import type { JsonValue } from '../parse-json.ts';
import { CONSUMER_BRAND } from './brand.ts';
import type { Consumer, HandlerContext } from './consumer.ts';
import { type ConsumerStart, checkSettings, invalidSetting } from './consumer-settings.ts';
import type { RetryPolicy } from './retry-policy.ts';

export interface ConsumerDefinition<Data = JsonValue> {
  /** Its progress is stored under this name: 1 to 200 bytes, no control characters. */
  readonly id: string;
  /** Default: `['data_change']`, the captured changes. */
  readonly channels?: readonly string[];
  /** Where in the log to start the first time. Default: `'beginning'`. */
  readonly start?: ConsumerStart;
  /** What differs from the retry policy of the configuration. */
  readonly retry?: Partial<RetryPolicy>;
  /** How long one call may take, in seconds. Default: as the configuration says. */
  readonly handlerTimeoutSeconds?: number;
  /** May be async. Returning means done, throwing means failed. */
  handle(notification: Notification<Data>, context: HandlerContext): unknown;
}

const OPTIONS: ReadonlySet<string> = new Set<keyof ConsumerDefinition>([
  'id',
  'channels',
  'start',
  'retry',
  'handlerTimeoutSeconds',
  'handle',
]);

/**
 * A consumer as a value: `export default defineConsumer({ id, channels, handle(notification) {} })`.
 *
 * @throws {PgwatchError} CONSUMER_ID_MISSING, CONSUMER_INVALID, CHANNEL_INVALID: at once, where the
 *   mistake is
 */
export function defineConsumer<Data = JsonValue>(definition: ConsumerDefinition<Data>): Consumer {
  const subject = subjectOf(definition);
  for (const name of Object.keys(definition)) {
    if (!OPTIONS.has(name)) {
      throw new PgwatchError('CONSUMER_INVALID', {
        what: `${subject} has an unknown option "${name}".`,
        why: `Known are: ${[...OPTIONS].join(', ')}.`,
      });
    }
  }
  const settings = checkSettings(
    definition,
    subject,
    "Write defineConsumer({ id: 'my_consumer', …",
  );
  if (typeof definition.handle !== 'function') {
    throw invalidSetting(subject, 'handle', definition.handle, 'a function');
  }
  const consumer: Consumer & { readonly [CONSUMER_BRAND]: 'definition' } = {
    ...settings,
    [CONSUMER_BRAND]: 'definition',
    // What is expected on these channels is the author's word; nothing can check it.
    handle: (notification, context) =>
      definition.handle(notification as Notification<Data>, context),
  };
  return consumer;
}

function subjectOf(definition: unknown): string {
  if (typeof definition !== 'object' || definition === null) {
    throw invalidSetting('defineConsumer()', 'its argument', definition, 'an object');
  }
  const id: unknown = Reflect.get(definition, 'id');
  return typeof id === 'string' && id !== '' ? `The consumer "${id}"` : 'A consumer definition';
}
