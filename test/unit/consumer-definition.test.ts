import { pino } from 'pino';
import { describe, expect, expectTypeOf, test } from 'vitest';
import {
  type ConsumerDefinition,
  defineConsumer,
  type JsonValue,
  Notification,
} from '../../src/index.ts';

const handle = () => {};

/** What a project in JavaScript may write: nothing has checked its types. */
function defineUnchecked(definition: unknown) {
  return defineConsumer(definition as ConsumerDefinition);
}

test('a definition says what a consumer is', () => {
  const settings = {
    id: 'orders',
    channels: ['orders'],
    start: 'latest',
    retry: { maxAttempts: 2, jitter: 0 },
    handlerTimeoutSeconds: 1.5,
  } as const;
  expect(defineConsumer({ ...settings, handle })).toMatchObject(settings);
});

test('what is left out has a default', () => {
  expect(defineConsumer({ id: 'orders', handle })).toMatchObject({
    channels: ['data_change'],
    start: 'beginning',
    retry: undefined,
    handlerTimeoutSeconds: undefined,
  });
});

test('a channel that is named twice counts once', () => {
  const { channels } = defineConsumer({ id: 'x', channels: ['b', 'a', 'b'], handle });
  expect(channels).toStrictEqual(['b', 'a']);
});

test('changing the list later changes nothing', () => {
  const channels = ['a'];
  const consumer = defineConsumer({ id: 'x', channels, handle });
  channels.push('b');
  expect(consumer.channels).toStrictEqual(['a']);
});

test('the handler is called with the definition as this', () => {
  const definition: ConsumerDefinition = {
    id: 'x',
    handle(...parameters) {
      return [this, ...parameters];
    },
  };
  const notification = new Notification({
    notificationLogId: 1,
    channel: 'x',
    key: null,
    json: '{}',
    timestamp: 0,
    isReplay: false,
    attempt: 1,
  });
  const context = {
    signal: new AbortController().signal,
    logger: pino({ level: 'silent' }),
    consumer: { id: 'x', channels: ['x'] },
  };
  expect(defineConsumer(definition).handle(notification, context)).toStrictEqual([
    definition,
    notification,
    context,
  ]);
});

describe('an id', () => {
  test.each(['a', 'Welcome e-mail, v2', 'ü'.repeat(100), '__proto__'])('may be %j', (id) => {
    expect(defineConsumer({ id, handle }).id).toBe(id);
  });

  test.each([undefined, null, ''])('that is %j is missing', (id) => {
    expect(() => defineUnchecked({ id, handle })).toThrow(
      expect.objectContaining({ code: 'CONSUMER_ID_MISSING' }),
    );
  });

  test.each([5, ' ', 'a\nb', 'a\u007f', '\ud800', 'ü'.repeat(101), {}])('may not be %j', (id) => {
    expect(() => defineUnchecked({ id, handle })).toThrow(
      expect.objectContaining({ code: 'CONSUMER_INVALID' }),
    );
  });
});

describe('a mistake is an error that says what was expected and found', () => {
  test.each<[Record<string, unknown>, RegExp]>([
    [{ handle: undefined }, /"x" has handle: undefined\. Expected a function/],
    [
      { chanels: ['a'] },
      /unknown option "chanels"\. Did you mean "channels"\? Known are: id, channels/,
    ],
    [{ channels: 'a' }, /has channels: "a"\. Expected a list/],
    [{ channels: [] }, /has channels: \[\]\. Expected a list/],
    [{ start: 'now' }, /has start: "now"\. Expected 'beginning' or 'latest'/],
    [{ handlerTimeoutSeconds: 0 }, /handlerTimeoutSeconds: 0\. Expected a number from 0\.001/],
    [{ handlerTimeoutSeconds: 1e10 }, /Expected a number from 0\.001 to 2073600/],
    [{ handlerTimeoutSeconds: Number.NaN }, /handlerTimeoutSeconds: NaN/],
    [{ handlerTimeoutSeconds: '5' }, /handlerTimeoutSeconds: "5"/],
    [{ retry: 5 }, /has retry: 5\. Expected an object/],
    [
      { retry: { attemps: 5 } },
      /"x", in retry, has an unknown option "attemps"\..*Known are: maxAttempts/,
    ],
    [{ retry: { maxAttempts: 0 } }, /retry\.maxAttempts: 0\. Expected a whole number from 1/],
    [{ retry: { maxAttempts: 1.5 } }, /retry\.maxAttempts: 1\.5/],
    [{ retry: { minDelaySeconds: -1 } }, /retry\.minDelaySeconds: -1/],
    [{ retry: { factor: 0.5 } }, /retry\.factor: 0\.5\. Expected a number from 1 to 100/],
    [{ retry: { jitter: 2 } }, /retry\.jitter: 2\. Expected a number from 0 to 1/],
    [
      { retry: { minDelaySeconds: 10, maxDelaySeconds: 5 } },
      /retry\.maxDelaySeconds: 5\. Expected minDelaySeconds \(10\) or more/,
    ],
  ])('%j', (mistake, message) => {
    expect(() => defineUnchecked({ id: 'x', handle, ...mistake })).toThrow(
      expect.objectContaining({
        code: 'CONSUMER_INVALID',
        message: expect.stringMatching(message),
      }),
    );
  });

  test.each([undefined, null, 5, 'x'])('%j is no definition', (definition) => {
    expect(() => defineUnchecked(definition)).toThrow(
      expect.objectContaining({ code: 'CONSUMER_INVALID' }),
    );
  });

  test('a bad channel has an error of its own', () => {
    expect(() => defineConsumer({ id: 'x', channels: ['a', 'b'.repeat(64)], handle })).toThrow(
      expect.objectContaining({ code: 'CHANNEL_INVALID' }),
    );
  });
});

test('an undefined field of a retry policy is left to the configuration', () => {
  const { retry } = defineUnchecked({ id: 'x', handle, retry: { maxAttempts: undefined } });
  expect(retry).toStrictEqual({});
});

test('the payload may have a type', () => {
  interface Order {
    readonly total: number;
  }
  defineConsumer({
    id: 'typed',
    handle(notification: Notification<Order>) {
      expectTypeOf(notification.data).toEqualTypeOf<Order>();
    },
  });
  defineConsumer({
    id: 'untyped',
    async handle(notification, { signal }) {
      expectTypeOf(notification.data).toEqualTypeOf<JsonValue>();
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
    },
  });
});
